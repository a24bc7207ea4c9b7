// Writing options, describing them, and what differs between two.
#include <cmath>
#include <limits>

#include "core/options_support.h"

namespace fqgan::test {

TEST(WriteOptions, IsPlainToml) {
  SampleOptions options;
  options.model.attention = {true, false};
  EXPECT_EQ(write_options(options),
            "flip = false\nsteps = 1000\nlearning_rate = 2e-04\npath = \"data\"\n# limit =\n# label =\n"
            "\n[model]\nloss = \"hinge\"\nwidths = [64, 128]\nattention = [true, false]\n# clip =\n"
            "\n[model.quantizer]\ncodes = 1024\ndecay = 0.9\ntaps = [\"block2\"]\n");
}

TEST(WriteOptions, RoundTripsExactly) {
  SampleOptions options;
  options.path = "quote \" back \\ slash \n tab \t bell \a del \x7f umlaut \xc3\xbc # = [x]";
  options.label = "";
  options.limit = std::numeric_limits<int64_t>::max();
  options.flip = true;
  options.model.widths = {};
  options.model.quantizer.taps = {"a\"b", ""};
  for (double value :
       {0.1, 1.0 / 3, 1e300, 5e-324, 1e22, 100.0, 123456789012345680.0, std::numeric_limits<double>::infinity()}) {
    options.learning_rate = value;
    options.model.clip = value;
    auto back = read(write_options(options));
    EXPECT_EQ(back.learning_rate, value);
    EXPECT_EQ(back.model.clip, value);
    EXPECT_EQ(back.path, options.path);
    EXPECT_EQ(back.label, options.label);
    EXPECT_EQ(back.limit, options.limit);
    EXPECT_EQ(back.model.widths, options.model.widths);
    EXPECT_EQ(back.model.quantizer.taps, options.model.quantizer.taps);
    EXPECT_EQ(write_options(back), write_options(options));
    EXPECT_TRUE(changed_fields(options, back).empty());
  }
}

TEST(WriteOptions, KeepsDoublesFloats) {
  SampleOptions options;
  options.learning_rate = 3;
  EXPECT_CONTAINS(write_options(options), "learning_rate = 3.0\n");
  options.model.quantizer.decay = -0.0;
  EXPECT_CONTAINS(write_options(options), "decay = -0.0\n");
  EXPECT_TRUE(std::signbit(read(write_options(options)).model.quantizer.decay));
}

TEST(WriteOptions, RefusesAnOptionalStringThatWouldReadBackAsUnset) {
  SampleOptions options;
  options.label = "none";
  EXPECT_THROW(write_options(options), InternalError);
}

TEST(DescribeOptions, ListsEveryFieldInOrder) {
  SampleOptions options;
  const auto fields = describe_options(options);
  std::vector<std::string> keys;
  for (const auto& field : fields) keys.push_back(field.key);
  EXPECT_EQ(keys, (std::vector<std::string>{"model.quantizer.codes", "model.quantizer.decay", "model.quantizer.taps",
                                            "model.loss", "model.widths", "model.attention", "model.clip", "flip",
                                            "steps", "learning_rate", "path", "limit", "label"}));
  EXPECT_EQ(fields[1].type, "float");
  EXPECT_EQ(fields[1].value, "0.9");
  EXPECT_EQ(fields[1].meaning, "of the running averages (in [0, 1])");
  EXPECT_EQ(fields[2].type, "list of strings");
  EXPECT_EQ(fields[3].meaning, "adversarial loss (one of 'hinge', 'wasserstein')");
  EXPECT_EQ(fields[6].type, "float or none");
  EXPECT_EQ(fields[6].value, "\"none\"");
  EXPECT_EQ(fields[6].meaning, "gradient norm (> 0)");
  EXPECT_FALSE(fields[7].resumable);
  EXPECT_TRUE(fields[8].resumable);
  EXPECT_EQ(fields[10].meaning, "the images");
}

TEST(ChangedFields, ListsTheKeysThatDiffer) {
  SampleOptions a, b;
  EXPECT_TRUE(changed_fields(a, b).empty());
  b.steps = 3;
  b.limit = 1;
  b.model.quantizer.taps.push_back("block3");
  EXPECT_EQ(changed_fields(a, b), (std::vector<std::string>{"model.quantizer.taps", "steps", "limit"}));
  EXPECT_EQ(changed_fields(b, a), changed_fields(a, b));
  QuantizerOptions other;  // another struct: what only one side has differs
  EXPECT_EQ(changed_fields(other, a).size(), 3u + 13u);
}

}  // namespace fqgan::test
