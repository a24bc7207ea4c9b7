#include "fqgan/models/techniques/adam_options.h"

namespace fqgan {

void AdamOptions::fields(FieldVisitor& visit) {
  visit("learning_rate", learning_rate, about("learning rate of Adam").more_than(0));
  visit("beta1", beta1, about("decay of the gradient's moving average").at_least(0).at_most(0.999999));
  visit("beta2", beta2, about("decay of the squared gradient's moving average").at_least(0).at_most(0.9999999));
  visit("epsilon", epsilon, about("constant added to the denominator").more_than(0));
  visit("epsilon_in_root", epsilon_in_root, about("add epsilon under the square root, as openai/improved-gan does"));
}

OptimizerSpec AdamOptions::spec(std::vector<std::string> networks) const {
  OptimizerSpec spec{std::move(networks), learning_rate, beta1, beta2, epsilon, 0.};
  spec.epsilon_in_root = epsilon_in_root;
  return spec;
}

}  // namespace fqgan
