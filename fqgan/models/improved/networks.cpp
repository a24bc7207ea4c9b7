#include "fqgan/models/improved/networks.h"

#include "fqgan/core/shape.h"
#include "fqgan/models/improved/convolutional.h"
#include "fqgan/models/improved/dense.h"

namespace fqgan {

ImprovedGenerator::ImprovedGenerator(const ImprovedGeneratorOptions& o, Streams& random) {
  if (o.norm == "virtual_batch")
    reference = register_module(
        "reference", ReferenceLatents(random.uniform({o.reference_batch, o.latent}, "reference"), torch::Tensor()));
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
  if (options.dense()) return std::make_shared<DenseDiscriminator>(options, data, random);
  return std::make_shared<ConvolutionalDiscriminator>(options, data, random);
}

}  // namespace fqgan
