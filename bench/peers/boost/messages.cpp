// Messages between two processes by Boost.Interprocess's message_queue, one queue in each direction.
#include <boost/interprocess/ipc/message_queue.hpp>
#include <string>

#include "../../drivers/driver.h"
#include "../../drivers/messages.h"

namespace {

namespace interprocess = boost::interprocess;
using interprocess::message_queue;

// Children inherit the memory, so the name goes at once.
message_queue *create(const std::string &name, std::size_t size) {
  auto *queue = new message_queue(interprocess::create_only, name.c_str(), MESSAGES_CAPACITY / size, size);
  message_queue::remove(name.c_str());
  return queue;
}

void *open(const char *name, std::size_t size) {
  return new message_queue *[2] { create(std::string(name) + "-0", size), create(std::string(name) + "-1", size) };
}

void send(void *wire, int direction, const void *message, std::size_t size) {
  static_cast<message_queue **>(wire)[direction]->send(message, size, 0);
}

void receive(void *wire, int direction, void *message, std::size_t size) {
  message_queue::size_type received;
  unsigned priority;
  static_cast<message_queue **>(wire)[direction]->receive(message, size, received, priority);
  if (received != size) driver_fail("a message of another size");
}

const messages_wire wires[] = {{"queue", open, send, receive}, {}};

} // namespace

int main(int argc, char **argv) { return messages_main(argc, argv, wires, BENCH_VERSION); }
