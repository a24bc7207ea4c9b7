#include "fqgan/models/improved/networks.h"

#include "fqgan/core/shape.h"
#include "fqgan/models/improved/convolutional.h"
#include "fqgan/models/improved/dense.h"

namespace fqgan {

ImprovedGenerator::ImprovedGenerator(const ImprovedGeneratorOptions& o, Streams& random) {
  if (const auto rows = o.reference_rows(); rows > 0)
    reference =
        register_module("reference", ReferenceLatents(random.uniform({rows, o.latent}, "reference"), torch::Tensor()));
}

torch::Tensor ImprovedGenerator::forward(const torch::Tensor& latents, Pass& pass) {
  if (!reference || !ReferenceLatentsImpl::wanted(pass)) return make(latents, pass);
  const auto all = reference->join(latents, {}, pass).first;
  return reference->part(make(all, pass), pass);
}

std::shared_ptr<ImprovedGenerator> make_generator(const ImprovedOptions& options, const DataInfo& data,
                                                  Streams& random) {
  if (options.dense()) return std::make_shared<DenseGenerator>(options, data, random);
  return std::make_shared<ConvolutionalGenerator>(options, data, random);
}

std::shared_ptr<ImprovedDiscriminator> make_discriminator(const ImprovedOptions& options, const DataInfo& data,
                                                          Streams& random) {
  std::shared_ptr<ImprovedDiscriminator> network;
  if (options.dense())
    network = std::make_shared<DenseDiscriminator>(options, data, random);
  else
    network = std::make_shared<ConvolutionalDiscriminator>(options, data, random);
  attach_quantizers(*network->taps, options.quantizer, random);
  return network;
}

}  // namespace fqgan
