#include "fqgan/run/ledger.h"

#include "fqgan/core/atomic_file.h"
#include "fqgan/core/error.h"
#include "support/support.h"

namespace fqgan::test {
namespace {

TEST(Ledger, EntriesComeBackAsTheyWereAppended) {
  const TemporaryFolder folder;
  const auto path = folder / "results/ledger.jsonl";
  EXPECT_TRUE(read_ledger(path).empty());
  LedgerEntry entry;
  entry.experiment = "fq";
  entry.key = "0123abcd";
  entry.recipe = "recipes/x.toml";
  entry.data = "photos";
  entry.set = {"a.b=1", "c=\"d\""};
  entry.seed = 3;
  entry.iterations = 200;
  entry.seconds = 12.5;
  entry.metrics = {{"fid/classifier-1", 20.25}};
  append_to_ledger(path, entry);
  entry.seed = 4;
  entry.outcome = "diverged";
  append_to_ledger(path, entry);
  const auto found = read_ledger(path);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].set, entry.set);
  EXPECT_EQ(found[0].data, "photos");
  EXPECT_EQ(found[0].seed, 3);
  EXPECT_EQ(found[0].outcome, "done");
  EXPECT_EQ(found[0].metrics, entry.metrics);
  EXPECT_EQ(found[0].seconds, 12.5);
  EXPECT_EQ(found[1].outcome, "diverged");
}

TEST(Ledger, LinesByHandArePassedOverAndBrokenOnesNamed) {
  const TemporaryFolder folder;
  const auto path = folder / "ledger.jsonl";
  write_file_atomically(path, "{\"recipe\": \"by hand\", \"metrics\": {\"x\": [1, 2]}}\n");
  EXPECT_TRUE(read_ledger(path).empty());
  write_file_atomically(path, "{}\nnonsense\n");
  expect_error<UserError>([&] { read_ledger(path); }, {"line 2"});
  write_file_atomically(path, "{\"key\": \"a\", \"seed\": \"one\"}\n");
  expect_error<UserError>([&] { read_ledger(path); }, {"line 1"});
}

TEST(Ledger, ALastLineWithoutALineBreakIsKept) {
  const TemporaryFolder folder;
  const auto path = folder / "ledger.jsonl";
  LedgerEntry entry;
  entry.key = "0123abcd";
  append_to_ledger(path, entry);
  const auto line = read_file(path);
  write_file_atomically(path, line + line.substr(0, line.size() - 1));
  EXPECT_EQ(read_ledger(path).size(), 2u);
  append_to_ledger(path, entry);
  EXPECT_EQ(read_file(path), line + line + line);
}

TEST(Ledger, AnIncompleteLastLineIsRefusedAndKept) {
  const TemporaryFolder folder;
  const auto path = folder / "ledger.jsonl";
  const std::string whole = "{\"key\": \"a\"}\n";
  write_file_atomically(path, whole + "{\"key\": ");
  expect_error<UserError>([&] { read_ledger(path); }, {path.string(), "line 2", "remove that line"});
  expect_error<UserError>([&] { append_to_ledger(path, LedgerEntry{}); }, {"line 2"});
  EXPECT_EQ(read_file(path), whole + "{\"key\": ");
}

TEST(Ledger, AnotherFileIsRefusedAndKept) {
  const TemporaryFolder folder;
  const auto path = folder / "notes.txt";
  for (const std::string text : {"my notes", "my notes\nof May\n", "{\n}\n",
                                 "\x7f"
                                 "ELF"}) {
    write_file_atomically(path, text);
    expect_error<UserError>([&] { append_to_ledger(path, LedgerEntry{}); }, {path.string(), "line 1", "another one"});
    EXPECT_EQ(read_file(path), text);
  }
}

TEST(Processor, HasANameAndCores) { EXPECT_CONTAINS(processor_text(), " cores"); }

}  // namespace
}  // namespace fqgan::test
