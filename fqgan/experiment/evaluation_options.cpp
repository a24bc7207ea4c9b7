#include "fqgan/experiment/evaluation_options.h"

namespace fqgan {

void EvaluationOptions::fields(FieldVisitor& visit) {
  visit("every", every, about("iterations between evaluations; 0: none").at_least(0).on_resume());
  visit("count", count, about("number of generated images").at_least(1));
  visit("seed", seed, about("seed of the generated images, the same ones every time").at_least(0));
  visit("metrics", metrics,
        about("what is measured: fid, kid, is, pr, prdc, accuracy, intra_fid; error: of a family's classifier"));
  visit(
      "features", features,
      about("'classifier' (trained on the data's labels once, then cached), a saved classifier or a TorchScript file"));
  visit("against", against,
        about("images or saved statistics; unset: the data's test split where there is one, else the training images"));
  visit("keep_best", keep_best, about("the metric whose best value keeps checkpoints/best.safetensors; unset: none"));
  generation.fields(visit);
  settings.fields(visit);
}

}  // namespace fqgan
