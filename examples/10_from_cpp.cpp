// From C++11: owners that free by themselves, errors as exceptions, and nothing else between you and the library.
//
//     c++ -std=c++11 -O2 -fopenmp 10_from_cpp.cpp -o from_cpp
//     ./from_cpp [MODEL [train.tsv [TEXT]]]
//
// The header is C with C linkage. The wrapper below is all that a C++ program needs; copy it and change it.
#define LADDER_IMPLEMENTATION
#include "../ladder.h"
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace ladder {

class error : public std::runtime_error {
public:
  explicit error(const ldr_error &e) : std::runtime_error(e.message), status(e.status) {}
  ldr_status status;
};

// Passed where the library wants an ldr_error *; check() throws what was reported.
class report {
public:
  operator ldr_error *() { return &e; }
  template <typename T> T *check(T *made) const {
    if (!made) throw error(e);
    return made;
  }
  void check(ldr_status status) const {
    if (status != LDR_OK) throw error(e);
  }

private:
  ldr_error e = {};
};

struct deleter {
  void operator()(ldr_model *p) const { ldr_model_free(p); }
  void operator()(ldr_dataset *p) const { ldr_dataset_free(p); }
  void operator()(ldr_ladder *p) const { ldr_ladder_free(p); }
  void operator()(ldr_predictor *p) const { ldr_predictor_free(p); }
};

using model = std::unique_ptr<ldr_model, deleter>;
using dataset = std::unique_ptr<ldr_dataset, deleter>;
using side = std::unique_ptr<ldr_ladder, deleter>;

// A ladder and its workspace, answering one text at a time.
class classifier {
public:
  classifier(const ldr_model *m, ldr_ladder *l, std::vector<std::string> names) : model_(m), names_(std::move(names)), scores_(names_.size()) {
    report err;
    predictor_.reset(err.check(ldr_predictor_create(l, 1, longest, err)));
  }
  ~classifier() { ldr_encoding_free(&tokens_); }
  classifier(const classifier &) = delete;
  classifier &operator=(const classifier &) = delete;

  std::pair<std::string, float> operator()(const std::string &text) {
    report err;
    err.check(ldr_tokenizer_encode(ldr_model_tokenizer(model_), &tokens_, text.data(), text.size(), nullptr, 0, longest, 1, err));
    const int32_t offsets[2] = { 0, tokens_.count };
    ldr_batch batch = {};
    batch.sequences = 1;
    batch.offsets = offsets;
    batch.ids = tokens_.ids;
    err.check(ldr_predict(predictor_.get(), scores_.data(), &batch, err));
    std::size_t best = 0;
    for (std::size_t i = 1; i < scores_.size(); i++)
      if (scores_[i] > scores_[best]) best = i;
    return { names_[best], scores_[best] };
  }

private:
  enum { longest = 128 };
  const ldr_model *model_;
  std::vector<std::string> names_;
  std::vector<float> scores_;
  std::unique_ptr<ldr_predictor, deleter> predictor_;
  ldr_encoding tokens_ = {};
};

}  // namespace ladder

// A C function pointer: a lambda without captures turns into one. What it needs comes through `user`.
static void train(ldr_ladder *l, const ldr_dataset *examples, std::vector<double> &losses) {
  ladder::report err;
  ldr_train_desc recipe = {};
  recipe.epochs = 8;
  recipe.batch = 16;
  recipe.cache = 1;
  recipe.user = &losses;
  recipe.progress_fn = [](const ldr_progress *p, void *user) -> int32_t {
    // No exception may leave this function: C code lies between it and the caller. room is reserved below.
    auto &list = *static_cast<std::vector<double> *>(user);
    if (list.size() < static_cast<std::size_t>(p->epoch)) list.push_back(p->loss);
    else list.back() = p->loss;
    return 0;
  };
  losses.reserve(static_cast<std::size_t>(recipe.epochs));
  err.check(ldr_fit(l, examples, nullptr, &recipe, nullptr, err));
}

int main(int argc, char **argv) {
  try {
    ladder::report err;
    ldr_dataset_desc set = {};
    ldr_ladder_desc desc = {};

    // Freed in the opposite order at the end of the block, also when something throws: the ladder before its model.
    ladder::model model(err.check(ldr_model_load(argc > 1 ? argv[1] : "tiny", nullptr, err)));
    ladder::dataset examples(err.check(ldr_dataset_load(model.get(), argc > 2 ? argv[2] : "data/train.tsv", &set, err)));
    desc.classes = ldr_dataset_labels(examples.get());
    ladder::side side(err.check(ldr_ladder_create(model.get(), &desc, err)));

    std::vector<double> losses;
    train(side.get(), examples.get(), losses);
    for (std::size_t i = 0; i < losses.size(); i++) std::printf("epoch %d: loss %.3f\n", static_cast<int>(i) + 1, losses[i]);

    std::vector<std::string> names;
    for (int32_t i = 0; i < desc.classes; i++) names.emplace_back(ldr_dataset_label_name(examples.get(), i));
    ladder::classifier classify(model.get(), side.get(), names);
    const std::string text = argc > 3 ? argv[3] : "Turn off the lights in the kitchen";
    const auto answer = classify(text);
    std::printf("%s -> %s (%.2f)\n", text.c_str(), answer.first.c_str(), static_cast<double>(answer.second));
    return 0;
  } catch (const ladder::error &e) {
    std::fprintf(stderr, "%s\n", e.what());
    if (e.status == LDR_IO) std::fprintf(stderr, "usage: from_cpp [MODEL [train.tsv [TEXT]]]\n");
    return e.status == LDR_IO ? 2 : 1;
  } catch (const std::exception &e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
