// An option struct with a field of every kind, for the tests of options.
#pragma once

#include <string>

#include "fqgan/core/error.h"
#include "fqgan/core/options.h"
#include "support/support.h"

namespace fqgan::test {

struct QuantizerOptions : Options {
  int64_t codes = 1024;
  double decay = 0.9;
  std::vector<std::string> taps = {"block2"};
  void fields(FieldVisitor& visit) override {
    visit("codes", codes, about("codes in the dictionary").at_least(1));
    visit("decay", decay, about("of the running averages").at_least(0).at_most(1));
    visit("taps", taps, about("where it stands"));
  }
};

struct ModelOptions : Options {
  QuantizerOptions quantizer;
  std::string loss = "hinge";
  std::vector<int64_t> widths = {64, 128};
  std::vector<bool> attention;
  std::optional<double> clip;
  void fields(FieldVisitor& visit) override {
    visit("quantizer", quantizer, about("feature quantization"));
    visit("loss", loss, about("adversarial loss").one_of({"hinge", "wasserstein"}));
    visit("widths", widths, about("channels per block").at_least(1));
    visit("attention", attention, about("per block"));
    visit("clip", clip, about("gradient norm").more_than(0));
  }
};

struct SampleOptions : Options {
  bool flip = false;
  int64_t steps = 1000;
  double learning_rate = 2e-4;
  std::string path = "data";
  std::optional<int64_t> limit;
  std::optional<std::string> label;
  ModelOptions model;
  void fields(FieldVisitor& visit) override {
    visit("model", model, about("the networks"));
    visit("flip", flip, about("mirror images"));
    visit("steps", steps, about("iterations").at_least(0).on_resume());
    visit("learning_rate", learning_rate, about("of Adam").more_than(0));
    visit("path", path, about("the images"));
    visit("limit", limit, about("images").at_least(1));
    visit("label", label, about("a name"));
  }
};

inline SampleOptions read(const std::string& toml, const std::vector<std::string>& sets = {}) {
  RecipeText text = RecipeText::from_string(toml, "recipe.toml");
  for (const auto& set : sets) text.set(set);
  SampleOptions options;
  read_options(text, options);
  return options;
}

inline std::string read_error(const std::string& toml, const std::vector<std::string>& sets = {}) {
  return message_of<UserError>([&] { read(toml, sets); });
}

}  // namespace fqgan::test
