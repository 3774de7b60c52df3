package io.thecodeforge.ml.embedded;

import java.util.concurrent.atomic.AtomicInteger;

/** A version that several calls use, and that is freed when the last is out after it retired. */
final class LeasedService {

  private final long version;
  private final VisionService service;
  private final AtomicInteger users =
      new AtomicInteger(1); // the one that keeps it until it retires

  LeasedService(long version, VisionService service) {
    this.version = version;
    this.service = service;
  }

  long version() {
    return version;
  }

  VisionService get() {
    return service;
  }

  /** Begins a call; false when the version is gone already. Each lease is given back once. */
  boolean lease() {
    int before;
    do {
      before = users.get();
      if (before == 0) {
        return false;
      }
    } while (!users.compareAndSet(before, before + 1));
    return true;
  }

  void giveBack() {
    if (users.decrementAndGet() == 0) {
      service.close();
    }
  }

  /** Takes it out of use; call it once. */
  void retire() {
    giveBack();
  }
}
