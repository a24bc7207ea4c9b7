#include "fqgan/experiment/evaluation_options.h"

#include "fqgan/core/text.h"

namespace fqgan {

void EvaluationOptions::fields(FieldVisitor& visit) {
  visit("every", every, about("iterations between evaluations (0: none)").at_least(0).on_resume());
  visit("count", count, about("number of generated images per evaluation").at_least(1));
  visit("seed", seed,
        about("seed of the generated images, which have the same latents in every evaluation").at_least(0));
  visit("metrics", metrics,
        about("what is measured: fid, kid, is, pr, prdc, accuracy, intra_fid, cmmd, fid_infinity, auth, c_t, copied, "
              "ppl; or error (test error of a family that is a classifier)"));
  visit(
      "features", features,
      about("feature extractor: " + join(feature_names()) +
            "; or the file of a saved classifier, or a TorchScript file; auto: the classifier for labelled data, else "
            "efficientnet-lite0")
          .path(feature_names())
          .on_resume());
  visit("feature_weights", feature_weights,
        about("safetensors file with the weights of a pretrained network; unset: the one in the cache folder")
            .path()
            .on_resume());
  visit("convention", convention,
        about("convention of the features 'inception': fqgan, torch-fidelity, pytorch-fid, clean-fid; unset: fqgan")
            .on_resume());
  visit("feature_precision", feature_precision,
        about("type of the activations of a pretrained network; bfloat16 is faster and gives slightly other values")
            .one_of({"float32", "bfloat16"})
            .on_resume());
  visit("against", against,
        about("reference images or saved statistics; unset: the images of data.held_out, else the test split of the "
              "data, else the training images")
            .path()
            .on_resume());
  visit("keep_best", keep_best,
        about("metric by which the best checkpoint is kept, as checkpoints/best.safetensors; unset: none"));
  generation.fields(visit);
  settings.fields(visit);
}

}  // namespace fqgan
