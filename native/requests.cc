// The requests in flight: their slots, and the queue towards JavaScript. Whose they are, and when: see session.h.
#include <errno.h>

#include "session.h"

namespace xnatfs {
namespace {

constexpr uint64_t kSlots = 65536;

}  // namespace

thread_local Session::Worker* Session::currentWorker_ = nullptr;

// --- slots ---

uint64_t Session::claimSlot(fuse_req_t req) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (isEnding_) return UINT64_MAX;
  if (freeSlots_.empty()) {
    if (slots_.size() == kSlots) return UINT64_MAX;
    freeSlots_.push_back(static_cast<uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  const uint32_t index = freeSlots_.back();
  freeSlots_.pop_back();
  Slot& slot = slots_[index];
  slot.req = req;
  slot.state = SlotState::active;
  return slot.uses * kSlots + index;
}

Session::Slot* Session::slotOf(uint64_t token) {
  const size_t index = token % kSlots;
  if (index >= slots_.size()) return nullptr;
  Slot& slot = slots_[index];
  return slot.state != SlotState::free && slot.uses == token / kSlots ? &slot : nullptr;
}

void Session::freeSlot(size_t index) {
  Slot& slot = slots_[index];
  if (slot.buffer >= 0) spareBuffers_.push_back(slot.buffer);
  const uint64_t uses = slot.uses + 1;
  slot = Slot{};
  slot.uses = uses;
  freeSlots_.push_back(static_cast<uint32_t>(index));
}

fuse_req_t Session::take(uint64_t token) {
  std::lock_guard<std::mutex> lock(mutex_);
  Slot* slot = slotOf(token);
  if (!slot) {
    counters_.lateReplies++;
    return nullptr;
  }
  fuse_req_t req = slot->state == SlotState::active ? slot->req : nullptr;
  if (!req) counters_.lateReplies++;
  freeSlot(token % kSlots);
  return req;
}

const std::vector<char>* Session::copiedBytes(uint64_t token) {
  std::lock_guard<std::mutex> lock(mutex_);
  Slot* slot = slotOf(token);
  return slot ? &slot->copy : nullptr;
}

size_t Session::inFlight() {
  std::lock_guard<std::mutex> lock(mutex_);
  return slots_.size() - freeSlots_.size();
}

void Session::abandonAll() {
  std::vector<fuse_req_t> given;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    for (Slot& slot : slots_) {
      // What is not queued yet its worker still has in hand, and will refuse.
      if (slot.state != SlotState::active || !slot.isQueued) continue;
      slot.state = SlotState::abandoned;
      given.push_back(slot.req);
      slot.req = nullptr;
    }
  }
  for (fuse_req_t req : given) fuse_reply_err(req, EIO);
}

// --- towards JavaScript ---

void Session::submit(fuse_req_t req, Event event) {
  const uint64_t token = claimSlot(req);
  if (token == UINT64_MAX) {
    fuse_reply_err(req, EIO);
    return;
  }
  // Before JavaScript can answer it: the request is not ours any more then.
  fuse_req_interrupt_func(req, onInterrupt, reinterpret_cast<void*>(token));
  enqueue(token, std::move(event));
}

void Session::submitWrite(fuse_req_t req, Event event, const char* bytes, size_t size) {
  const uint64_t token = claimSlot(req);
  if (token == UINT64_MAX) {
    fuse_reply_err(req, EIO);
    return;
  }
  {
    std::lock_guard<std::mutex> lock(mutex_);
    Slot& slot = *slotOf(token);
    Worker& worker = *currentWorker_;
    if (spareBuffers_.empty()) {
      slot.copy.assign(bytes, bytes + size);
      event.values[2] = -1;
      counters_.copiedWrites++;
    } else {
      slot.buffer = worker.buffer;
      event.values[2] = worker.buffer;
      event.values[3] = static_cast<double>(bytes - js_.buffers[static_cast<size_t>(worker.buffer)]);
      worker.buffer = spareBuffers_.back();
      spareBuffers_.pop_back();
    }
  }
  fuse_req_interrupt_func(req, onInterrupt, reinterpret_cast<void*>(token));
  enqueue(token, std::move(event));
}

void Session::enqueue(uint64_t token, Event event) {
  event.token = token;
  counters_.requests[static_cast<size_t>(event.op)]++;
  currentWorker_->hasHandedOver = true;
  fuse_req_t refused = nullptr;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    Slot& slot = *slotOf(token);
    if (isEnding_) {
      refused = slot.req;
      freeSlot(token % kSlots);
    } else {
      slot.isQueued = true;
      queue_.push_back(std::move(event));
      if (slot.isInterrupted) {
        queue_.emplace_back(Op::interrupt, 0);
        queue_.back().token = token;
      }
    }
  }
  if (refused) fuse_reply_err(refused, EIO);
  else wakeJs();
}

void Session::post(Event event) {
  counters_.requests[static_cast<size_t>(event.op)]++;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    queue_.push_back(std::move(event));
  }
  wakeJs();
}

void Session::onInterrupt(fuse_req_t req, void* data) {
  auto& session = *static_cast<Session*>(fuse_req_userdata(req));
  const auto token = reinterpret_cast<uint64_t>(data);
  {
    std::lock_guard<std::mutex> lock(session.mutex_);
    Slot* slot = session.slotOf(token);
    if (!slot || slot->state != SlotState::active) return;
    slot->isInterrupted = true;
    if (!slot->isQueued) return;
  }
  Event event(Op::interrupt, 0);
  event.token = token;
  session.post(std::move(event));
}

void Session::wakeJs() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (isWoken_) return;
    isWoken_ = true;
  }
  napi_call_threadsafe_function(wake_, nullptr, napi_tsfn_nonblocking);
}

}  // namespace xnatfs
