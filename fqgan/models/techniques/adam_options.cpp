#include "fqgan/models/techniques/adam_options.h"

namespace fqgan {

void AdamOptions::fields(FieldVisitor& visit) {
  visit("learning_rate", learning_rate, about("step size").more_than(0));
  visit("beta1", beta1, about("momentum of the gradient").at_least(0).at_most(0.999999));
  visit("beta2", beta2, about("momentum of the squared gradient").at_least(0).at_most(0.9999999));
  visit("epsilon", epsilon, about("added to the root of the squared gradient").more_than(0));
  visit("epsilon_in_root", epsilon_in_root, about("epsilon is added under the root, as in openai/improved-gan"));
}

OptimizerSpec AdamOptions::spec(std::vector<std::string> networks) const {
  OptimizerSpec spec{std::move(networks), learning_rate, beta1, beta2, epsilon, 0.};
  spec.epsilon_in_root = epsilon_in_root;
  return spec;
}

}  // namespace fqgan
