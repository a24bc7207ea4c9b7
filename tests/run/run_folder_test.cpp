// The rules of the run folder: what may be made, opened, listed, removed and rewound.
#include "fqgan/run/run_folder.h"

#include "fqgan/core/atomic_file.h"
#include "fqgan/core/error.h"
#include "support/support.h"

namespace fqgan {
namespace {

namespace fs = std::filesystem;
using test::expect_error;
using test::message_of;
using test::TemporaryFolder;

void touch(const fs::path& path, const std::string& text = "x") { write_file_atomically(path, text); }

std::vector<std::string> names(const std::vector<fs::path>& paths) {
  std::vector<std::string> result;
  for (const fs::path& path : paths) result.push_back(path.filename().string());
  return result;
}

TEST(RunFolder, CreateMakesTheFolders) {
  TemporaryFolder folder;
  const RunFolder run = RunFolder::create(folder / "a/b");
  EXPECT_TRUE(fs::is_directory(run.samples(0).parent_path()));
  EXPECT_TRUE(fs::is_directory(run.checkpoint(0).parent_path()));
  EXPECT_FALSE(RunFolder::is_run(run.path())) << "it is a run once its recipe is written";
  RunFolder::create(folder / "a/b");  // a start that stopped before the recipe may be repeated
}

TEST(RunFolder, CreateRefusesARunWithAHint) {
  TemporaryFolder folder;
  const RunFolder run = RunFolder::create(folder / "run");
  touch(run.recipe());
  const std::string message = message_of<UserError>([&] { RunFolder::create(run.path()); });
  test::expect_names(message, {"[" + run.path().string() + "] ", "--resume " + run.path().string(), "another --out"});
}

TEST(RunFolder, CreateRefusesTheRestOfARun) {
  TemporaryFolder folder;
  for (const std::string file :
       {"log.jsonl", "metrics.jsonl", "last-checkpoint.txt", "events.out.tfevents.1.fqgan", "curves/fid.png",
        "samples/step-00000001.png", "checkpoints/step-00000001.safetensors", "checkpoints/best.safetensors"}) {
    const RunFolder run = RunFolder::create(folder / "run");
    fs::create_directory(run.path() / "curves");
    touch(run.path() / ".lock");
    touch(run.path() / "notes.txt");
    RunFolder::create(run.path());  // neither a lock nor an empty folder nor a file of another kind is in the way
    touch(run.path() / file);
    expect_error<UserError>([&] { RunFolder::create(run.path()); }, {run.path().string(), file, "another --out"});
    EXPECT_EQ(read_file(run.path() / file), "x");
    fs::remove_all(run.path());
  }
}

TEST(RunFolder, CreateRefusesAFile) {
  TemporaryFolder folder;
  touch(folder / "file");
  expect_error<UserError>([&] { RunFolder::create(folder / "file"); }, {(folder / "file").string()});
}

TEST(RunFolder, OpenNeedsARecipe) {
  TemporaryFolder folder;
  expect_error<UserError>([&] { RunFolder::open(folder.path); }, {folder.path.string(), "recipe.toml"});
  expect_error<UserError>([&] { RunFolder::open(folder / "none"); }, {(folder / "none").string()});
  touch(folder / "recipe.toml");
  EXPECT_FALSE(RunFolder::is_run(folder.path)) << "a recipe alone is no run";
  expect_error<UserError>([&] { RunFolder::open(folder.path); }, {folder.path.string(), "log.jsonl"});
  expect_error<UserError>([&] { RunFolder::create(folder.path); }, {folder.path.string(), "--out"});
  touch(folder / "log.jsonl");
  EXPECT_TRUE(RunFolder::is_run(folder.path));
  EXPECT_EQ(RunFolder::open(folder.path).path(), folder.path);
}

TEST(RunFolder, NamesCarryTheStep) {
  TemporaryFolder folder;
  const RunFolder run = RunFolder::create(folder.path);
  EXPECT_EQ(run.samples(1000), folder / "samples" / "step-00001000.png");
  EXPECT_EQ(run.checkpoint(123456789), folder / "checkpoints" / "step-123456789.safetensors");
}

TEST(RunFolder, ListsInOrderOfStepsAndNothingElse) {
  TemporaryFolder folder;
  const RunFolder run = RunFolder::create(folder.path);
  for (int64_t step : {123456789, 20000000, 5}) touch(run.checkpoint(step)), touch(run.samples(step));
  for (const char* other : {"step-00000007.safetensors.partial-1", "best.safetensors", "step-.safetensors",
                            "step-1x.safetensors", "step-00000007.json"}) {
    touch(folder.path / "checkpoints" / other);
  }
  EXPECT_EQ(names(run.checkpoints()),
            (std::vector<std::string>{"step-00000005.safetensors", "step-20000000.safetensors",
                                      "step-123456789.safetensors"}));
  EXPECT_EQ(names(run.sample_grids()),
            (std::vector<std::string>{"step-00000005.png", "step-20000000.png", "step-123456789.png"}));
}

TEST(RunFolder, KeepLastRemovesTheOldest) {
  TemporaryFolder folder;
  const RunFolder run = RunFolder::create(folder.path);
  for (int64_t step = 1; step <= 5; ++step) touch(run.checkpoint(step));
  touch(folder.path / "checkpoints" / "best.safetensors");
  run.keep_last(0);
  run.keep_last(9);
  EXPECT_EQ(run.checkpoints().size(), 5u);
  run.keep_last(2);
  EXPECT_EQ(run.checkpoints(), (std::vector<fs::path>{run.checkpoint(4), run.checkpoint(5)}));
  EXPECT_TRUE(fs::exists(folder.path / "checkpoints" / "best.safetensors"));
}

TEST(RunFolder, EventsKeepTheirName) {
  TemporaryFolder folder;
  const RunFolder run = RunFolder::create(folder.path);
  EXPECT_CONTAINS(run.events().filename().string(), "events.out.tfevents.");
  touch(folder / "events.out.tfevents.1.fqgan");
  EXPECT_EQ(run.events(), folder / "events.out.tfevents.1.fqgan");
}

TEST(RunFolder, EventFilesOfOtherProgramsAreLeftAlone) {
  TemporaryFolder folder;
  const RunFolder run = RunFolder::create(folder.path);
  touch(run.recipe());
  for (const std::string ending : {"9.host.1.0", "9.host.fqgan", "fqgan", ".fqgan", "9.fqgan.bak"}) {
    const auto other = folder / ("events.out.tfevents." + ending);
    touch(other);
    EXPECT_NE(run.events(), other);
    EXPECT_FALSE(RunFolder::owns(other)) << other;
    run.rewind({}, 0);
    EXPECT_EQ(read_file(other), "x") << other;
  }
}

TEST(RunFolder, RewindCutsLogsAndRemovesWhatCameLater) {
  TemporaryFolder folder;
  const RunFolder run = RunFolder::create(folder.path);
  touch(run.log(), "{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n");
  touch(run.metrics(), "{\"fid\":1}\n");
  touch(folder / "events.out.tfevents.1.fqgan", "0123456789");
  touch(folder / "recipe.toml", "seed = 1");
  for (int64_t step : {10, 20, 30}) touch(run.checkpoint(step)), touch(run.samples(step));
  const fs::path partial = run.checkpoint(40).string() + ".partial-999999999";  // no such process: above any limit
  touch(partial);

  run.rewind({{"log.jsonl", 16}, {"events.out.tfevents.1.fqgan", 4}}, 20);

  EXPECT_EQ(read_file(run.log()), "{\"a\":1}\n{\"a\":2}\n");
  EXPECT_EQ(read_file(run.metrics()), "") << "a log that the checkpoint does not name was empty then";
  EXPECT_EQ(read_file(folder / "events.out.tfevents.1.fqgan"), "0123");
  EXPECT_EQ(read_file(folder / "recipe.toml"), "seed = 1");
  EXPECT_EQ(run.checkpoints(), (std::vector<fs::path>{run.checkpoint(10), run.checkpoint(20)}));
  EXPECT_EQ(run.sample_grids(), (std::vector<fs::path>{run.samples(10), run.samples(20)}));
  EXPECT_FALSE(fs::exists(partial));
}

TEST(RunFolder, RewindCompletesALastLineWithoutALineBreak) {
  TemporaryFolder folder;
  const RunFolder run = RunFolder::create(folder.path);
  touch(run.log(), "{\"a\":1}\n{\"a\":2}");
  testing::internal::CaptureStderr();
  run.rewind({{"log.jsonl", 16}}, 20);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  EXPECT_EQ(read_file(run.log()), "{\"a\":1}\n{\"a\":2}\n");
}

TEST(RunFolder, RewindGoesOnWithoutLostLogs) {
  TemporaryFolder folder;
  const RunFolder run = RunFolder::create(folder.path);
  touch(run.log(), "{\"a\":1}\n");
  touch(run.samples(30));
  fs::remove_all(run.path() / "checkpoints");
  testing::internal::CaptureStderr();
  run.rewind({{"log.jsonl", 20}, {"metrics.jsonl", 5}}, 20);
  const auto said = testing::internal::GetCapturedStderr();
  test::expect_names(said,
                     {"[" + run.metrics().string() + "] ", "missing", "[" + run.log().string() + "] ", "8 of 20"});
  EXPECT_EQ(read_file(run.log()), "{\"a\":1}\n");
  EXPECT_FALSE(fs::exists(run.samples(30)));
  EXPECT_TRUE(fs::is_directory(run.path() / "checkpoints"));
}

TEST(RunFolder, OwnsWhatATrainingWrites) {
  TemporaryFolder folder;
  const RunFolder run = RunFolder::create(folder.path);
  EXPECT_FALSE(RunFolder::owns(run.log())) << "no run without a recipe";
  touch(run.recipe());
  for (const auto& path : {run.recipe(), run.log(), run.metrics(), run.events(), run.checkpoint(1), run.samples(7),
                           folder / "checkpoints/best.safetensors", folder / "curves/fid.png"})
    EXPECT_TRUE(RunFolder::owns(path)) << path;
  for (const std::string name : {"grid.png", "images/00000.png", "predictions.csv"})
    EXPECT_FALSE(RunFolder::owns(folder / name)) << name;
}

}  // namespace
}  // namespace fqgan
