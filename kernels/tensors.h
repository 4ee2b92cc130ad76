#pragma once

#include <string>
#include <vector>

#include "node.h"
#include "operators.h"

namespace marimba {

/** The inputs of a run, over the memory of the JavaScript arrays, which must not change before the run has ended. */
struct Inputs {
  std::vector<std::string> names;
  std::vector<Ort::Value> values;
};

/** `{ name: { data, shape } }`, read without running JavaScript once the first array's memory has been looked at. */
class InputReader {
 public:
  /** Runs getters, if there are any. Throws std::invalid_argument for what is no tensor. */
  InputReader(napi_env env, napi_value inputs);
  /** Runs no JavaScript. Throws std::invalid_argument where data and shape don't fit each other. */
  Inputs read(napi_env env) const;

 private:
  struct Input {
    std::string name;
    napi_value data;
    std::vector<int64_t> shape;
  };
  std::vector<Input> inputs_;
};

/** Whether an output of this type can become a JavaScript array. */
bool isSupported(ONNXTensorElementDataType type);

/** `{ data, shape }`: a copy of a tensor in memory of JavaScript's. */
napi_value toJavaScript(napi_env env, const Ort::Value& tensor);

}  // namespace marimba
