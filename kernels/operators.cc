#include "operators.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "attention.h"
#include "convolution.h"
#include "products.h"
#include "rows.h"

namespace marimba {
namespace {

using Shape = std::vector<int64_t>;

constexpr auto FLOAT = ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
constexpr auto BYTE = ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8;
constexpr auto INT8 = ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8;
constexpr auto INT32 = ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32;

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

void expect(bool isRight, const char* otherwise) {
  if (!isRight) throw std::invalid_argument(otherwise);
}

int64_t elements(const Shape& shape) {
  int64_t count = 1;
  for (const int64_t size : shape) count *= size;
  return count;
}

/** An input of a run, or none. */
struct Input {
  Ort::ConstValue value;
  Input(const Ort::KernelContext& context, size_t index)
      : value(index < context.GetInputCount() ? context.GetInput(index) : Ort::ConstValue{}) {}
  explicit operator bool() const { return value != nullptr && value.HasValue(); }
  Shape shape() const { return value.GetTensorTypeAndShapeInfo().GetShape(); }
  int64_t count() const { return elements(shape()); }
  /** Its numbers; null for no input. */
  template <typename T = float>
  const T* data() const {
    return *this ? value.GetTensorData<T>() : nullptr;
  }
};

/**
 * Tells the system that a model's weights, which ONNX Runtime has mapped from their file, are not read again: they leave the process's memory.
 * They can still be read, from the file.
 */
void forget(const void* data, int64_t bytes) {
  constexpr uintptr_t PAGE = 4096;
  const uintptr_t begin = (reinterpret_cast<uintptr_t>(data) + PAGE - 1) / PAGE * PAGE;
  const uintptr_t end = (reinterpret_cast<uintptr_t>(data) + static_cast<uintptr_t>(bytes)) / PAGE * PAGE;
  if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, 21);  // MADV_PAGEOUT, of Linux 5.4
}

/** Runs task(0) to task(count - 1) on the session's threads. A task must not throw. */
template <typename Task>
void parallel(const Ort::KernelContext& context, int64_t count, Task& task) {
  if (count == 0) return;
  if (count == 1) return task(0);
  context.ParallelFor([](void* data, size_t index) { (*static_cast<Task*>(data))(static_cast<int64_t>(index)); }, static_cast<size_t>(count), 0,
                      &task);
}

/**
 * Rows as bytes, each with a scale of its own: x = scale (byte - zero_point). Inputs: x [..., width]; scale and shift, a vector of width
 * numbers, or one for each of several sequences of as many rows. Outputs: uint8 [rows, width], float [rows, 1].
 * With `norm`, a row is centred and divided by its deviation first; then it is multiplied and shifted where there are such inputs.
 * With the zero point 128, the largest magnitude becomes 127; with a lower one the largest value becomes 255, and no value is below `lowest`.
 */
class QuantizeRows {
 public:
  static constexpr const char* NAME = "QuantizeRows";
  static constexpr ONNXTensorElementDataType INPUTS[] = {FLOAT, FLOAT, FLOAT};
  static constexpr ONNXTensorElementDataType OUTPUTS[] = {BYTE, FLOAT};
  static constexpr size_t REQUIRED = 1;

  explicit QuantizeRows(const Ort::ConstKernelInfo& info)
      : how_{info.GetAttribute<int64_t>("norm") != 0, info.GetAttribute<float>("epsilon"), info.GetAttribute<float>("lowest"),
             static_cast<int32_t>(info.GetAttribute<int64_t>("zero_point"))} {
    expect(how_.zeroPoint > 0 && how_.zeroPoint <= 128, "QuantizeRows: zero_point is not from 1 to 128.");
  }

  void compute(const Ort::KernelContext& context) const {
    const Input x(context, 0), scale(context, 1), shift(context, 2);
    const Shape shape = x.shape();
    expect(shape.size() >= 2 && shape.back() > 0, "QuantizeRows: x has no rows.");
    const int64_t width = shape.back(), rows = elements(shape) / width;
    /** The rows that share a vector. */
    const auto rowsOf = [&](const Input& vectors) {
      const int64_t count = vectors ? vectors.count() : width, each = std::max<int64_t>(count / width, 1);
      expect(count % width == 0 && (count > 0 || rows == 0) && rows % each == 0, "QuantizeRows: scale or shift is not a vector, or one for each sequence.");
      return std::max<int64_t>(rows / each, 1);
    };
    const int64_t scaleRows = rowsOf(scale), shiftRows = rowsOf(shift);
    const float *in = x.data(), *scales = scale.data(), *shifts = shift.data();
    uint8_t* bytes = context.GetOutput(0, Shape{rows, width}).GetTensorMutableData<uint8_t>();
    float* steps = context.GetOutput(1, Shape{rows, 1}).GetTensorMutableData<float>();
    const int64_t block = std::clamp<int64_t>(16384 / width, 1, 32);
    auto task = [&](int64_t index) {
      for (int64_t row = index * block; row < std::min(rows, (index + 1) * block); ++row) {
        const float* scale = scales ? scales + row / scaleRows * width : nullptr;
        const float* shift = shifts ? shifts + row / shiftRows * width : nullptr;
        steps[row] = quantizeRow(in + row * width, width, scale, shift, how_, bytes + row * width);
      }
    };
    parallel(context, ceilDiv(rows, block), task);
  }

 private:
  RowQuantization how_;
};

/**
 * residual + gate * activation(x W^T + bias), of rows that `QuantizeRows` made. Inputs: uint8 [rows, in]; scales [rows, 1]; W, int8
 * [in, out], constant; its scales [out]; and, where there are such, bias [out], gate [sequences, 1, out], residual of rows * out numbers.
 * Output: [rows, out], or the residual's shape.
 */
class QuantizedProduct {
 public:
  static constexpr const char* NAME = "QuantizedProduct";
  static constexpr ONNXTensorElementDataType INPUTS[] = {BYTE, FLOAT, INT8, FLOAT, FLOAT, FLOAT, FLOAT};
  static constexpr ONNXTensorElementDataType OUTPUTS[] = {FLOAT};
  static constexpr size_t REQUIRED = 4;

  explicit QuantizedProduct(const Ort::ConstKernelInfo& info) {
    const int32_t zeroPoint = static_cast<int32_t>(info.GetAttribute<int64_t>("zero_point"));
    const std::string activation = info.GetAttribute<std::string>("activation");
    expect(activation.empty() || activation == "gelu-tanh" || activation == "silu", "QuantizedProduct: activation is neither gelu-tanh nor silu.");
    activation_ = activation.empty() ? Activation::none : activation == "silu" ? Activation::silu : Activation::geluTanh;
    int isConstant = 0;
    const Ort::ConstValue weights = info.GetTensorConstantInput(2, &isConstant);
    expect(isConstant != 0, "QuantizedProduct: the weights are not constant.");
    const Shape shape = weights.GetTensorTypeAndShapeInfo().GetShape();
    expect(shape.size() == 2 && shape[0] > 0 && shape[0] % 4 == 0, "QuantizedProduct: the weights don't have inputs by fours.");
    const int8_t* data = weights.GetTensorData<int8_t>();
    weights_ = std::make_unique<PackedWeights>(data, shape[0], shape[1], zeroPoint);
    forget(data, shape[0] * shape[1]);
  }

  void compute(const Ort::KernelContext& context) const {
    const Input x(context, 0), rowScales(context, 1), scales(context, 3), bias(context, 4), gate(context, 5), residual(context, 6);
    const PackedWeights& w = *weights_;
    const Shape shape = x.shape();
    expect(shape.size() == 2 && shape[1] == w.inputs, "QuantizedProduct: x has another width than the weights.");
    const int64_t rows = shape[0], sequences = gate ? gate.count() / w.outputs : 1;
    expect(rowScales.count() == rows, "QuantizedProduct: x has another number of scales than of rows.");
    expect(scales.count() == w.outputs && (!bias || bias.count() == w.outputs), "QuantizedProduct: there are not as many scales and biases as outputs.");
    expect(!residual || residual.count() == rows * w.outputs, "QuantizedProduct: the residual has another size than the outputs.");
    expect(!gate || (sequences > 0 && gate.count() == sequences * w.outputs && rows % sequences == 0), "QuantizedProduct: the gates don't belong to sequences of rows.");
    const Shape outputs = residual ? residual.shape() : Shape{rows, w.outputs};
    const Ending ending{rowScales.data(), scales.data(),   bias.data(), gate.data(),
                        std::max<int64_t>(rows / std::max<int64_t>(sequences, 1), 1),
                        residual.data(),  activation_, context.GetOutput(0, outputs).GetTensorMutableData<float>()};
    const uint8_t* bytes = x.data<uint8_t>();
    const int64_t blocks = ceilDiv(rows, ROW_BLOCK), group = std::clamp<int64_t>(w.panels * blocks / TASKS, 1, PANEL_GROUP), groups = ceilDiv(w.panels, group);
    auto task = [&](int64_t index) {
      const int64_t row = index / groups * ROW_BLOCK, panel = index % groups * group;
      product(bytes, w, row, std::min(rows, row + ROW_BLOCK), panel, std::min(w.panels, panel + group), ending);
    };
    parallel(context, blocks * groups, task);
  }

 private:
  std::unique_ptr<PackedWeights> weights_;
  Activation activation_;
};

/**
 * softmax(scale q k^T) v of each head, in bfloat16 with sums in float32. Inputs: q [sequences, queries, width]; k and v [sequences, keys,
 * width]; and, where there are such, biases [3 width]; int32 [sequences], the keys that count. Output: q's shape.
 */
class Attention {
 public:
  static constexpr const char* NAME = "Attention";
  static constexpr ONNXTensorElementDataType INPUTS[] = {FLOAT, FLOAT, FLOAT, FLOAT, INT32};
  static constexpr ONNXTensorElementDataType OUTPUTS[] = {FLOAT};
  static constexpr size_t REQUIRED = 3;

  explicit Attention(const Ort::ConstKernelInfo& info) : heads_(info.GetAttribute<int64_t>("num_heads")), scale_(info.GetAttribute<float>("scale")) {
    expect(heads_ > 0, "Attention: num_heads is not positive.");
  }

  void compute(const Ort::KernelContext& context) const {
    const Input q(context, 0), k(context, 1), v(context, 2), bias(context, 3), counts(context, 4);
    const Shape shape = q.shape(), keys = k.shape();
    expect(shape.size() == 3 && keys.size() == 3 && keys == v.shape() && keys[0] == shape[0] && keys[2] == shape[2] && shape[2] % heads_ == 0,
           "Attention: queries, keys and values don't fit together.");
    expect(!bias || bias.count() == 3 * shape[2], "Attention: there are not three vectors of biases.");
    expect(!counts || counts.count() == shape[0], "Attention: there is not a number of keys for each sequence.");
    const AttentionSizes sizes{shape[0], shape[1], keys[1], shape[2], heads_, scale_};
    const int32_t* counted = counts.data<int32_t>();
    for (int64_t i = 0; counted && i < shape[0]; ++i) expect(counted[i] > 0 && counted[i] <= keys[1], "Attention: a sequence has no such number of keys.");
    const float *queries = q.data(), *keyRows = k.data(), *values = v.data(), *biases = bias.data();
    float* y = context.GetOutput(0, shape).GetTensorMutableData<float>();
    const HeadMemory layout(sizes);
    // Tasks have memory of their own, so there are no more of them than a machine may have cores for one model.
    const int64_t heads = sizes.sequences * heads_, tasks = std::min<int64_t>(heads, 32);
    const Memory memory(tasks * layout.bytes);
    auto task = [&](int64_t index) {
      for (int64_t head = heads * index / tasks; head < heads * (index + 1) / tasks; ++head)
        attendHead(queries, keyRows, values, biases, counted ? counted[head / heads_] : sizes.keys, sizes, layout, head / heads_, head % heads_,
                   memory.get() + index * layout.bytes, y);
    };
    parallel(context, tasks, task);
  }

 private:
  int64_t heads_;
  float scale_;
};

/**
 * The scale and shift of each channel that make GroupNorm of x: x * scale + shift. Inputs: x [images, channels, height, width]; weight and
 * bias [channels]. Outputs: [images, channels] each.
 */
class GroupNormScales {
 public:
  static constexpr const char* NAME = "GroupNormScales";
  static constexpr ONNXTensorElementDataType INPUTS[] = {FLOAT, FLOAT, FLOAT};
  static constexpr ONNXTensorElementDataType OUTPUTS[] = {FLOAT, FLOAT};
  static constexpr size_t REQUIRED = 3;

  explicit GroupNormScales(const Ort::ConstKernelInfo& info) : groups_(info.GetAttribute<int64_t>("groups")), epsilon_(info.GetAttribute<float>("epsilon")) {
    expect(groups_ > 0, "GroupNormScales: groups is not positive.");
  }

  void compute(const Ort::KernelContext& context) const {
    const Input x(context, 0), weight(context, 1), bias(context, 2);
    const Shape shape = x.shape();
    expect(shape.size() == 4 && shape[1] % groups_ == 0 && elements(shape) > 0, "GroupNormScales: x has no channels by groups.");
    expect(weight.count() == shape[1] && bias.count() == shape[1], "GroupNormScales: weight or bias is not a number for each channel.");
    const int64_t images = shape[0], channels = shape[1] / groups_, pixels = shape[2] * shape[3];
    const float *in = x.data(), *weights = weight.data(), *biases = bias.data();
    float* scales = context.GetOutput(0, Shape{images, shape[1]}).GetTensorMutableData<float>();
    float* shifts = context.GetOutput(1, Shape{images, shape[1]}).GetTensorMutableData<float>();
    auto task = [&](int64_t index) {
      const int64_t at = index * channels, channel = index % groups_ * channels;
      groupScales(in + at * pixels, channels, pixels, epsilon_, weights + channel, biases + channel, scales + at, shifts + at);
    };
    parallel(context, images * groups_, task);
  }

 private:
  int64_t groups_;
  float epsilon_;
};

/**
 * residual + convolution(silu(x * scale + shift)) + bias with kernels of 3 x 3 pixels and zeros around the image, in bfloat16 with sums in
 * float32. Inputs: x [images, in, height, width]; W [out, in, 3, 3], constant; bias [out]; and, where there are such, scale and shift
 * [images, in] and residual, of the output's shape. Without a scale, x is convolved as it is. Output: [images, out, height, width].
 */
class NormedConv {
 public:
  static constexpr const char* NAME = "NormedConv";
  static constexpr ONNXTensorElementDataType INPUTS[] = {FLOAT, FLOAT, FLOAT, FLOAT, FLOAT, FLOAT};
  static constexpr ONNXTensorElementDataType OUTPUTS[] = {FLOAT};
  static constexpr size_t REQUIRED = 3;

  explicit NormedConv(const Ort::ConstKernelInfo& info) {
    int isConstant = 0;
    const Ort::ConstValue weights = info.GetTensorConstantInput(1, &isConstant);
    expect(isConstant != 0, "NormedConv: the weights are not constant.");
    const Shape shape = weights.GetTensorTypeAndShapeInfo().GetShape();
    expect(shape.size() == 4 && shape[0] > 0 && shape[1] > 0 && shape[2] == 3 && shape[3] == 3, "NormedConv: the weights are not of 3 x 3 pixels.");
    const float* data = weights.GetTensorData<float>();
    weights_ = std::make_unique<PackedConvolution>(data, shape[1], shape[0]);
    forget(data, elements(shape) * 4);
  }

  void compute(const Ort::KernelContext& context) const {
    const Input x(context, 0), bias(context, 2), scale(context, 3), shift(context, 4), residual(context, 5);
    const PackedConvolution& w = *weights_;
    const Shape shape = x.shape();
    expect(shape.size() == 4 && shape[1] == w.inputs && elements(shape) > 0, "NormedConv: x has other channels than the weights.");
    const int64_t images = shape[0];
    const Shape outputs{images, w.outputs, shape[2], shape[3]};
    expect(bias.count() == w.outputs, "NormedConv: there are not as many biases as outputs.");
    expect(!scale == !shift && (!scale || (scale.count() == images * w.inputs && shift.count() == images * w.inputs)),
           "NormedConv: there is not a scale and a shift for each channel.");
    expect(!residual || residual.shape() == outputs, "NormedConv: the residual has another shape than the output.");
    const float *in = x.data(), *biases = bias.data(), *scales = scale.data(), *shifts = shift.data(), *residuals = residual.data();
    float* y = context.GetOutput(0, outputs).GetTensorMutableData<float>();
    const Planes p(shape[2], shape[3]);
    const int64_t pixels = p.height * p.width, groups = ceilDiv(w.outputs, CHANNEL_GROUP), room = 3 * w.pairs * TILE_ROW;
    // Tasks have memory of their own, so there are no more of them than a machine may have cores for one model.
    const int64_t tiles = p.tiles * groups, tasks = std::min<int64_t>(tiles, 32);
    const Memory memory(w.pairs * p.plane * 4), gathered(tasks * room * 4);
    int32_t *planes = reinterpret_cast<int32_t*>(memory.get()), *rooms = reinterpret_cast<int32_t*>(gathered.get());
    for (int64_t image = 0; image < images; ++image) {
      auto pack = [&](int64_t pair) {
        const int64_t channel = image * w.inputs + 2 * pair;
        const bool isPair = 2 * pair + 1 < w.inputs;
        packPlane(in + channel * pixels, isPair ? in + (channel + 1) * pixels : nullptr, scales ? scales + channel : nullptr, scales ? shifts + channel : nullptr, p,
                  planes + pair * p.plane);
      };
      parallel(context, w.pairs, pack);
      const int64_t at = image * w.outputs * pixels;
      auto task = [&](int64_t index) {
        for (int64_t tile = tiles * index / tasks; tile < tiles * (index + 1) / tasks; ++tile) {
          const int64_t first = tile % groups * CHANNEL_GROUP;
          convolveTile(planes, w, first, std::min(w.outputs, first + CHANNEL_GROUP), biases, residuals ? residuals + at : nullptr, p, tile / groups,
                       rooms + index * room, y + at);
        }
      };
      parallel(context, tasks, task);
    }
  }

 private:
  std::unique_ptr<PackedConvolution> weights_;
};

/** A kernel as ONNX Runtime calls it. */
template <typename Kernel>
struct Opened {
  Kernel kernel;
  OrtStatusPtr ComputeV2(OrtKernelContext* context) {
    return statusOf([&] { kernel.compute(Ort::KernelContext(context)); });
  }
};

/** An operator with one kind of kernel, which names it and its tensors. */
template <typename Kernel>
struct Registered : Ort::CustomOpBase<Registered<Kernel>, Opened<Kernel>, true> {
  OrtStatusPtr CreateKernelV2(const OrtApi&, const OrtKernelInfo* info, void** kernel) const {
    return statusOf([&] { *kernel = new Opened<Kernel>{Kernel(Ort::ConstKernelInfo(info))}; });
  }
  const char* GetName() const { return Kernel::NAME; }
  const char* GetExecutionProviderType() const { return "CPUExecutionProvider"; }
  size_t GetInputTypeCount() const { return std::size(Kernel::INPUTS); }
  ONNXTensorElementDataType GetInputType(size_t index) const { return Kernel::INPUTS[index]; }
  OrtCustomOpInputOutputCharacteristic GetInputCharacteristic(size_t index) const {
    return index < Kernel::REQUIRED ? INPUT_OUTPUT_REQUIRED : INPUT_OUTPUT_OPTIONAL;
  }
  size_t GetOutputTypeCount() const { return std::size(Kernel::OUTPUTS); }
  ONNXTensorElementDataType GetOutputType(size_t index) const { return Kernel::OUTPUTS[index]; }
};

OrtCustomOpDomain* makeDomain() {
  Ort::CustomOpDomain domain("marimba");
  domain.Add(new Registered<QuantizeRows>());
  domain.Add(new Registered<QuantizedProduct>());
  domain.Add(new Registered<Attention>());
  domain.Add(new Registered<GroupNormScales>());
  domain.Add(new Registered<NormedConv>());
  return domain.release();
}

}  // namespace

void addOperators(OrtSessionOptions* options) {
  static OrtCustomOpDomain* const domain = makeDomain();
  Ort::ThrowOnError(Ort::GetApi().AddCustomOpDomain(options, domain));
}

}  // namespace marimba
