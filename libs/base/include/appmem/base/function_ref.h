#pragma once

#include <memory>
#include <type_traits>
#include <utility>

namespace appmem {

template <typename Signature>
class FunctionRef;

/// A borrowed callable object: two words, no allocation. (A plain function is none; a lambda around
/// it is.) Lifetime: as long as the callable it was made from, so it is a parameter and never a
/// member.
template <typename R, typename... Args>
class FunctionRef<R(Args...)> {
 public:
  template <typename F>
    requires(!std::is_same_v<std::remove_cvref_t<F>, FunctionRef> &&
             std::is_object_v<std::remove_reference_t<F>> && std::is_invocable_r_v<R, F&, Args...>)
  // It stands in for any callable, and the constraint leaves copies to the copy constructor.
  // NOLINTNEXTLINE(google-explicit-constructor,bugprone-forwarding-reference-overload)
  FunctionRef(F&& callable)
      : object_(const_cast<void*>(static_cast<const void*>(std::addressof(callable)))),
        call_([](void* object, Args... args) -> R {
          return (*static_cast<std::remove_reference_t<F>*>(object))(std::forward<Args>(args)...);
        }) {}

  R operator()(Args... args) const { return call_(object_, std::forward<Args>(args)...); }

 private:
  void* object_;
  R (*call_)(void*, Args...);
};

}  // namespace appmem
