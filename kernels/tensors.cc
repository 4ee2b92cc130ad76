#include "tensors.h"

#include <cstring>
#include <stdexcept>

namespace marimba {
namespace {

struct ElementType {
  napi_typedarray_type array;
  ONNXTensorElementDataType tensor;
  size_t bytes;
};

constexpr ElementType ELEMENT_TYPES[] = {
    {napi_float32_array, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, sizeof(float)},
    {napi_bigint64_array, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64, sizeof(int64_t)},
    {napi_uint8_array, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8, sizeof(uint8_t)},
};
/** More axes than any tensor of a graph has. */
constexpr uint32_t MAX_RANK = 16;
/** Number.MAX_SAFE_INTEGER. */
constexpr int64_t MAX_SIZE = (int64_t{1} << 53) - 1;

template <typename Matches>
const ElementType* findType(const Matches& matches) {
  for (const ElementType& type : ELEMENT_TYPES)
    if (matches(type)) return &type;
  return nullptr;
}

std::vector<int64_t> readShape(napi_env env, napi_value value, const std::string& what) {
  bool isArray = false;
  check(env, napi_is_array(env, value, &isArray));
  uint32_t rank = 0;
  if (isArray) check(env, napi_get_array_length(env, value, &rank));
  if (!isArray || rank > MAX_RANK)
    throw std::invalid_argument(what + " must be an array of at most " + std::to_string(MAX_RANK) + " sizes.");
  std::vector<int64_t> shape;
  for (uint32_t axis = 0; axis < rank; axis++) {
    napi_value size;
    check(env, napi_get_element(env, value, axis, &size));
    shape.push_back(readInteger(env, size, "A size in " + what, 0, MAX_SIZE));
  }
  return shape;
}

/** The number of a tensor's elements; -1 where there are more than fit into memory. */
int64_t elementsOf(const std::vector<int64_t>& shape) {
  int64_t elements = 1;
  for (const int64_t size : shape) {
    if (size == 0) return 0;
    if (elements >= 0 && (__builtin_mul_overflow(elements, size, &elements) || elements > MAX_SIZE)) elements = -1;
  }
  return elements;
}

}  // namespace

InputReader::InputReader(napi_env env, napi_value inputs) {
  for (const auto& [name, tensor] : propertiesOf(env, inputs, "The inputs")) {
    const std::string what = "The input " + name;
    if (typeOf(env, tensor) != napi_object) throw std::invalid_argument(what + " must be an object with data and shape.");
    const napi_value data = property(env, tensor, "data");
    inputs_.push_back({name, data, readShape(env, property(env, tensor, "shape"), what + "'s shape")});
  }
}

Inputs InputReader::read(napi_env env) const {
  static const Ort::MemoryInfo& memory =
      *new Ort::MemoryInfo(Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault));
  static int64_t none; // The address of no elements; ONNX Runtime refuses nullptr.
  Inputs read;
  for (const auto& [name, data, shape] : inputs_) {
    const ElementType* type = nullptr;
    size_t length = 0;
    void* memoryOfData = nullptr;
    bool isTyped = false;
    check(env, napi_is_typedarray(env, data, &isTyped));
    if (isTyped) {
      napi_typedarray_type array;
      check(env, napi_get_typedarray_info(env, data, &array, &length, &memoryOfData, nullptr, nullptr));
      type = findType([&](const ElementType& one) { return one.array == array; });
    }
    if (!type)
      throw std::invalid_argument("The input " + name + "'s data must be a Float32Array, BigInt64Array or Uint8Array.");
    const int64_t elements = elementsOf(shape);
    if (elements < 0 || static_cast<size_t>(elements) != length)
      throw std::invalid_argument("The input " + name + " has " + std::to_string(length) +
                                  " elements, which is not the product of its shape.");
    read.names.push_back(name);
    read.values.push_back(Ort::Value::CreateTensor(memory, length == 0 ? &none : memoryOfData, length * type->bytes,
                                                   shape.data(), shape.size(), type->tensor));
  }
  return read;
}

bool isSupported(ONNXTensorElementDataType type) {
  return findType([&](const ElementType& one) { return one.tensor == type; }) != nullptr;
}

napi_value toJavaScript(napi_env env, const Ort::Value& tensor) {
  const Ort::TensorTypeAndShapeInfo info = tensor.GetTensorTypeAndShapeInfo();
  const ElementType* type = findType([&](const ElementType& one) { return one.tensor == info.GetElementType(); });
  if (!type) throw std::runtime_error("An output is neither float32 nor int64 nor uint8.");
  const size_t length = info.GetElementCount();
  void* memory = nullptr;
  napi_value buffer, data, shape, result;
  check(env, napi_create_arraybuffer(env, length * type->bytes, &memory, &buffer));
  if (length > 0) std::memcpy(memory, tensor.GetTensorRawData(), length * type->bytes);
  check(env, napi_create_typedarray(env, type->array, length, buffer, 0, &data));
  const std::vector<int64_t> sizes = info.GetShape();
  check(env, napi_create_array_with_length(env, sizes.size(), &shape));
  for (size_t axis = 0; axis < sizes.size(); axis++) {
    napi_value size;
    check(env, napi_create_int64(env, sizes[axis], &size));
    check(env, napi_set_element(env, shape, static_cast<uint32_t>(axis), size));
  }
  check(env, napi_create_object(env, &result));
  define(env, result, "data", data);
  define(env, result, "shape", shape);
  return result;
}

}  // namespace marimba
