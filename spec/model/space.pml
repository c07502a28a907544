/* Who sleeps and who is woken: senders that wait for space, at the other bell of csrc/core/channel.c (bell.pml).
 *
 * They need a different lot each. The ring is two positions here, and full at first; all that is done under the lock is
 * one step.
 *
 * Shown: nobody sleeps for space in an empty ring, nor in a channel that was shut down, while nobody is on the way. (Of
 * two that sleep, one may be woken that still has too little, and the other one sleep on beside enough for it: until
 * the next message is taken, or its sleep is over.)
 *
 *   TAKES      messages that receivers take, each of one word
 *   WAKERS     receivers
 *   SHUTDOWN   one more process shuts it down, at any time
 *
 * Without a part of it, which must be found out, beside those of bell.pml: NO_RING_ON, NO_LOOK_AT_WORD,
 * NO_LOOK_AT_END. */

#ifndef WAKERS
#define WAKERS 1
#endif
#ifndef TAKES
#define TAKES 4
#endif

#define CAPACITY 4
#define QUARTER 3
#define NEED(who) (who * 2 + 1)

byte tail, end = CAPACITY; /* nothing is in it: they are the same */
byte enough;
bool is_closed;

#define IS_LOST (moving == 0 && len(sleepers) > 0 && (tail == end || is_closed))

#include "bell.pml"

/* ---- shmipc_channel_take: a receiver */

proctype waker() {
  byte value, who, to;
  byte left = TAKES;
next:
  STEP(if :: left > 0 && tail < end -> left--; tail++; to = tail :: goto over fi);
  STEP(if :: bell & ASLEEP :: else -> goto next fi);
  STEP(if :: to >= enough -> goto ring :: else fi);
#ifndef NO_LOOK_AT_WORD
  STEP(if :: to == end && !is_closed -> goto ring :: else fi);
#endif
  goto next;
ring:
  bell_ring();
  goto next;
over:
dead:
  atomic { moving-- }
}

/* ---- shmipc_channel_shut_down */

proctype shutter() {
  byte value, who;
  STEP(is_closed = true);
  bell_ring();
dead:
  atomic { moving-- }
}

/* ---- shmipc_channel_send, await_space: a sender */

#define HAS_COME_THEN(go) if :: tail >= missing -> go :: else fi
#define IS_CLOSED_THEN(go) if :: is_closed -> go :: else fi

proctype sleeper(byte me) {
  byte value, before, who, missing, wanted;
  bool has_slept, is_several;
send:
  STEP(
    wanted = 0;
    if
    :: is_closed -> rescues = 0; goto sent
    :: !is_closed && end + NEED(me) - tail <= CAPACITY -> end = end + NEED(me); rescues = 0; goto sent
    :: else -> missing = end + NEED(me) - CAPACITY
    fi;
    if
    :: skip
    :: goto over /* the deadline */
    fi);
  STEP(wanted = (tail + QUARTER > missing -> tail + QUARTER : missing));
  STEP(if :: tail >= missing -> has_slept = false; goto send :: else fi);
  STEP(enough = wanted);
announce:
  bell_announce();
#ifndef NO_SECOND_LOOK
  STEP(HAS_COME_THEN(goto leave));
#endif
#ifndef NO_LOOK_AT_END
  STEP(IS_CLOSED_THEN(goto leave));
#endif
  arena_sleep();
slept:
  STEP(HAS_COME_THEN(goto leave));
  STEP(IS_CLOSED_THEN(goto leave));
  goto announce;
leave:
  bell_leave();
  atomic { has_slept = true; goto send }

sent: /* others may wait for less than there is, or need to know that it is closed */
#ifndef NO_RING_ON
  if
  :: has_slept -> bell_ring()
  :: else
  fi;
#endif
over:
dead:
  atomic { moving-- }
}

init {
  byte i;
  atomic {
    moving = SLEEPERS + WAKERS;
    for (i : 0 .. SLEEPERS - 1) { run sleeper(i) }
    for (i : 0 .. WAKERS - 1) { run waker() }
#ifdef SHUTDOWN
    moving++;
    run shutter()
#endif
  }
}
