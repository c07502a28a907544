/* Who sleeps and who is woken: receivers that wait for messages, at a bell of csrc/core/channel.c (bell.pml).
 *
 * The ring is two counts here, of messages that can be seen and of messages that were taken (ring.pml has the ring
 * itself). A publication goes through the store buffer of its processor, as on x86-64: it may be seen later than what
 * the publisher does afterwards, until a full barrier.
 *
 * Shown: there is never a message while receivers sleep and nobody is on the way.
 *
 *   WAKERS, BATCHES, BULK   senders, publications by each of them, and messages in each, at most
 *
 * Without a part of it, which must be found out, beside those of bell.pml: NO_FENCE, NO_RING_ON. */

#ifndef WAKERS
#define WAKERS 1
#endif
#ifndef BATCHES
#define BATCHES 2
#endif
#ifndef BULK
#define BULK 2
#endif

byte visible, taken;   /* messages */
byte buffered[WAKERS]; /* messages whose publication is in that processor's store buffer */
byte to_come;          /* publications that will still be seen; or would, had their sender not been killed */

#define IS_LOST (moving == 0 && visible > taken && len(sleepers) > 0)

#include "bell.pml"

/* ---- publish and the unlock behind it, then bell_ring: a sender */

proctype waker(byte me) {
  byte value, who;
  byte left = BATCHES;
  do
  :: left > 0 ->
     STEP(left--; buffered[me] = 1; if :: BULK == 2 -> buffered[me] = 2 :: skip fi);
#ifndef NO_FENCE
     buffered[me] == 0; /* os_arena_unlock: a full barrier */
#endif
     bell_ring()
  :: else -> break
  od;
dead:
  atomic { moving-- }
}

/* A processor's store buffer becomes visible: at any time, whatever became of the process. */
proctype store_buffer(byte whose) {
end_idle:
  do
  :: atomic { buffered[whose] > 0 -> visible = visible + buffered[whose]; buffered[whose] = 0; to_come-- }
  od
}

/* ---- shmipc_channel_look, await_message, shmipc_channel_take: a receiver. After a message, or a look in vain, it may
 * come again or be gone for good: timeouts are chosen. */

/* has_something: the tail, and then the word there. Meanwhile the tail may go on, and a sender write to the place, so
 * that the word is 0; but then that sender has yet to publish. */
#define IF_NOTHING_THEN(go) if :: visible > taken :: visible == taken || to_come > 0 -> go fi

proctype sleeper(byte me) {
  byte value, before, who, seen;
  bool has_slept, is_several;

look: /* look_once, until it is sure */
  STEP(if :: visible > taken -> seen = taken :: visible == taken -> goto nothing fi);

/* shmipc_channel_take */
  STEP(
    if
    :: taken != seen -> seen = 0; goto look
    :: else -> taken++; seen = taken; rescues = 0; if :: has_slept :: else -> goto done fi
    fi);
  STEP(
    has_slept = false;
    if
    :: visible > seen
    :: visible == seen || (taken > seen && to_come > 0) -> goto done
    fi);
#ifndef NO_RING_ON
  bell_ring();
#endif
done:
  atomic { seen = 0; if :: goto look :: goto over fi }

nothing:
  atomic {
    if
    :: skip /* await_message, and no luck with spinning */
    :: visible > taken -> has_slept = false; goto look /* spin_for_message */
    :: goto over /* look_in_vain */
    fi
  }

announce:
  bell_announce();
#ifndef NO_SECOND_LOOK
  STEP(IF_NOTHING_THEN(goto sleep); goto leave);
sleep:
#endif
  arena_sleep();
slept:
  STEP(IF_NOTHING_THEN(goto announce));
leave:
  bell_leave();
  atomic { has_slept = true; goto look }

over:
dead:
  atomic { moving-- }
}

init {
  byte i;
  atomic {
    moving = SLEEPERS + WAKERS;
    to_come = WAKERS * BATCHES;
    for (i : 0 .. SLEEPERS - 1) { run sleeper(i) }
    for (i : 0 .. WAKERS - 1) { run waker(i); run store_buffer(i) }
  }
}
