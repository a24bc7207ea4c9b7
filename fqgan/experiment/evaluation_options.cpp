#include "fqgan/experiment/evaluation_options.h"

namespace fqgan {

void EvaluationOptions::fields(FieldVisitor& visit) {
  visit("every", every, about("iterations between evaluations (0: none)").at_least(0).on_resume());
  visit("count", count, about("number of generated images per evaluation").at_least(1));
  visit("seed", seed,
        about("seed of the generated images, which have the same latents in every evaluation").at_least(0));
  visit(
      "metrics", metrics,
      about("what is measured: fid, kid, is, pr, prdc, accuracy, intra_fid, cmmd, fid_infinity, auth, c_t, copied; or "
            "error (test error of a family that is a classifier)"));
  visit("features", features,
        about("feature extractor: 'classifier' (trained once on the labelled data, then cached), the file of a saved "
              "classifier, or a TorchScript file")
            .path({"classifier"})
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
