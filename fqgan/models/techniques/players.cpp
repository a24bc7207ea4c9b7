#include "fqgan/models/techniques/players.h"

namespace fqgan {

void PlayerOptions::fields(FieldVisitor& visit) {
  visit("historical_averaging", historical_averaging, about("strength of historical averaging (0: off)").at_least(0));
  visit("adam", adam, about("the Adam optimizer"));
}

void GeneratorPlayerOptions::fields(FieldVisitor& visit) {
  visit("norm", norm, about("normalization of the generator's features").one_of({"batch", "virtual_batch"}));
  visit("reference_batch", reference_batch,
        about("images in the reference batch of virtual batch normalization").at_least(2).at_most(65536));
  PlayerOptions::fields(visit);
}

}  // namespace fqgan
