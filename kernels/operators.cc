#include "operators.h"

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace marimba {
namespace {

/** Runs what may throw, and returns the error as ONNX Runtime expects it: nullptr is success. */
template <typename Work>
OrtStatusPtr statusOf(const Work& work) noexcept {
  try {
    work();
    return nullptr;
  } catch (const Ort::Exception& error) {
    return Ort::GetApi().CreateStatus(error.GetOrtErrorCode(), error.what());
  } catch (const std::exception& error) {
    return Ort::GetApi().CreateStatus(ORT_FAIL, error.what());
  }
}

/** y = x * scale + shift, as adaLN modulates: x and y [rows, tokens, width], scale and shift [rows, 1, width]. */
class ModulateKernel {
 public:
  OrtStatusPtr ComputeV2(OrtKernelContext* context) {
    return statusOf([&] { compute(Ort::KernelContext(context)); });
  }

 private:
  struct Run {
    const float *x, *scale, *shift;
    float* y;
    size_t tokens, width;
  };

  static void compute(const Ort::KernelContext& context) {
    const Ort::ConstValue x = context.GetInput(0), scale = context.GetInput(1), shift = context.GetInput(2);
    const std::vector<int64_t> shape = x.GetTensorTypeAndShapeInfo().GetShape();
    if (shape.size() != 3) throw std::invalid_argument("Modulate: x has not the shape [rows, tokens, width].");
    const std::vector<int64_t> perRow{shape[0], 1, shape[2]};
    for (const Ort::ConstValue& value : {scale, shift})
      if (value.GetTensorTypeAndShapeInfo().GetShape() != perRow)
        throw std::invalid_argument("Modulate: scale or shift has not the shape [rows, 1, width] of x.");
    Run run{x.GetTensorData<float>(),
            scale.GetTensorData<float>(),
            shift.GetTensorData<float>(),
            context.GetOutput(0, shape).GetTensorMutableData<float>(),
            static_cast<size_t>(shape[1]),
            static_cast<size_t>(shape[2])};
    const size_t all = static_cast<size_t>(shape[0]) * run.tokens;
    if (all == 0) return;
    // One piece of work is one token; 0 lets ONNX Runtime choose how many a thread takes at once.
    context.ParallelFor(modulateToken, all, 0, &run);
  }

  static void modulateToken(void* data, size_t token) {
    const Run& run = *static_cast<const Run*>(data);
    const size_t row = token / run.tokens;
    const float* x = run.x + token * run.width;
    const float* scale = run.scale + row * run.width;
    const float* shift = run.shift + row * run.width;
    float* y = run.y + token * run.width;
    for (size_t i = 0; i < run.width; i++) y[i] = x[i] * scale[i] + shift[i];
  }
};

class Modulate : public Ort::CustomOpBase<Modulate, ModulateKernel, true> {
 public:
  OrtStatusPtr CreateKernelV2(const OrtApi&, const OrtKernelInfo*, void** kernel) const {
    return statusOf([&] { *kernel = new ModulateKernel(); });
  }
  const char* GetName() const { return "Modulate"; }
  size_t GetInputTypeCount() const { return 3; }
  ONNXTensorElementDataType GetInputType(size_t) const { return ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT; }
  size_t GetOutputTypeCount() const { return 1; }
  ONNXTensorElementDataType GetOutputType(size_t) const { return ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT; }
  static OrtStatusPtr InferOutputShape(Ort::ShapeInferContext& context) {
    return statusOf([&] { Ort::ThrowOnError(context.SetOutputShape(0, context.GetInputShape(0)).release()); });
  }
};

OrtCustomOpDomain* makeDomain() {
  Ort::CustomOpDomain domain("marimba");
  domain.Add(new Modulate());
  return domain.release();
}

}  // namespace

void addOperators(OrtSessionOptions* options) {
  static OrtCustomOpDomain* const domain = makeDomain();
  Ort::ThrowOnError(Ort::GetApi().AddCustomOpDomain(options, domain));
}

}  // namespace marimba
