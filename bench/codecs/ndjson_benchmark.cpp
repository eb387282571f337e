// What NDJSON costs: frames, decoding and answers of pipelined requests, without a store.

#include <cstddef>
#include <string>
#include <string_view>

#include <benchmark/benchmark.h>

#include "appmem/codecs/ndjson_codec.h"
#include "appmem/protocol/reply_writer.h"

namespace appmem {
namespace {

constexpr std::size_t kPipelined = 64;

/// Many copies of one request in a receive buffer.
struct Pipeline {
  explicit Pipeline(std::string_view line) {
    for (std::size_t i = 0; i < kPipelined; ++i) {
      input += line;
      input += '\n';
    }
    size = input.size();
    input.resize(size + protocol::kInputPadding);
  }
  std::string input;
  std::size_t size = 0;
};

/// Decodes every request of `line` and answers it with `answer(reply)`.
template <typename Answer>
void serve(benchmark::State& state, std::string_view line, Answer answer) {
  Pipeline pipeline(line);
  const auto codec = codecs::make_ndjson_codec({});
  protocol::Request request;
  protocol::OutputBuffer output;
  for (auto _ : state) {
    std::string_view input(pipeline.input.data(), pipeline.size);
    while (!input.empty()) {
      const auto frame = codec->next_frame(input);
      char* const begin = pipeline.input.data() + (pipeline.size - input.size());
      if (!codec->decode({begin, frame.consumed}, request)) state.SkipWithError("not decoded");
      protocol::ReplyWriter& reply = codec->begin_reply(request, output).fields();
      answer(request, reply);
      codec->end_reply();
      input.remove_prefix(frame.consumed);
    }
    output.consume(output.size());
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kPipelined));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(pipeline.size));
}

void BM_Get(benchmark::State& state) {
  serve(state, R"({"id":12345,"op":"get","key":"user:1000042"})",
        [](const protocol::Request& request, protocol::ReplyWriter& reply) {
          benchmark::DoNotOptimize(request.arguments().bytes(protocol::Field::kKey));
          reply.boolean(protocol::Field::kFound, true);
          reply.value(protocol::Field::kValue,
                      ValueView::from_bytes("a value of thirty-two bytes, 32"));
          reply.unsigned_integer(protocol::Field::kVersion, 7'000'123);
        });
}
BENCHMARK(BM_Get);

void BM_Set(benchmark::State& state) {
  serve(state,
        R"({"id":12345,"op":"set","key":"user:1000042","value":"a value of thirty-two bytes, 32"})",
        [](const protocol::Request& request, protocol::ReplyWriter& reply) {
          benchmark::DoNotOptimize(request.arguments().value(protocol::Field::kValue));
          reply.unsigned_integer(protocol::Field::kVersion, 7'000'123);
        });
}
BENCHMARK(BM_Set);

void BM_SetDocument(benchmark::State& state) {
  serve(
      state,
      R"({"op":"set","key":"user:1000042","value":{"name":"Ada","tags":["a","b"],"n":1.5},"ttl_ms":60000})",
      [](const protocol::Request& request, protocol::ReplyWriter& reply) {
        benchmark::DoNotOptimize(request.arguments().value(protocol::Field::kValue));
        reply.unsigned_integer(protocol::Field::kVersion, 7'000'123);
      });
}
BENCHMARK(BM_SetDocument);

/// A value that takes almost all of the line: bytes a second.
void BM_SetLarge(benchmark::State& state) {
  const std::string value(static_cast<std::size_t>(state.range(0)), 'x');
  serve(state, R"({"op":"set","key":"user:1000042","value":")" + value + "\"}",
        [&](const protocol::Request& request, protocol::ReplyWriter& reply) {
          benchmark::DoNotOptimize(request.arguments().value(protocol::Field::kValue));
          reply.value(protocol::Field::kValue, ValueView::from_bytes(value));
        });
}
BENCHMARK(BM_SetLarge)->Arg(1024)->Arg(65536);

}  // namespace
}  // namespace appmem
