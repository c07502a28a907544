/* The ring of csrc/core/channel.c: publication, taking, and what the next one makes of a death.
 *
 * Each step is one access to shared memory; before each of them a process may be killed. Positions count words. Every
 * message is two words long, its header and one of bytes, so that with an odd CAPACITY one of each lap does not fit
 * before the ring's end, and is skipped. Bytes may look like any header. Waiting is bells.pml's.
 *
 * No store buffer stands here: a release store, or x86-64, publishes stores in their order, and what a receiver does
 * after its look is a compare-and-swap. The lock is the system's, who frees it when its owner dies.
 *
 * Shown, whoever is killed: the messages are taken in the order in which they were published, each once, whole, with
 * none left out; nothing is published behind the mark of a shutdown, and receivers see it when all was taken; whoever
 * has the lock knows where the messages end and how many there were.
 *
 *   CAPACITY, START   the ring's size in words, and where its first message begins
 *   SENDERS, RECEIVERS, BATCH   each sender sends so many messages, 1 or 2 at a time as there is space
 *   FURTHER    receivers take up to 2 messages at a time
 *   SHUTDOWN   one more process marks the end, at any time
 *   KILLS      so many are killed
 *   ONLY_MESSAGES   nothing is asserted of what the owner of the lock knows
 *
 * Without a part of it, which must be found out: NO_WALK, WALK_UNSAID, NO_ZERO, NO_COMPARE, EARLY, END_FIRST,
 * COUNT_AS_IS, ANY_LOOK, NO_SPARE_WORD. */

#ifndef CAPACITY
#define CAPACITY 5
#endif
#ifndef START
#define START 0
#endif
#ifndef SENDERS
#define SENDERS 2
#endif
#ifndef RECEIVERS
#define RECEIVERS 2
#endif
#ifndef BATCH
#define BATCH 2
#endif
#ifndef KILLS
#define KILLS 1
#endif

#define NONE 0
#define SKIP 255
#define CLOSED 254 /* other words: a message, and its number + 1 */

#define ROOM 2
#define PLACE(position) ((position) % CAPACITY)
#define LEFT(position) (CAPACITY - PLACE(position))
#define SKIP_AT(position) (LEFT(position) < ROOM -> LEFT(position) : 0)

#ifdef NO_SPARE_WORD
#define NEED(position) (SKIP_AT(position) + ROOM)
#else
#define NEED(position) (SKIP_AT(position) + ROOM + 1)
#endif

/* Shared memory. */
byte ring[CAPACITY];
byte tail = START;
byte end = START, count, tail_seen = START; /* under the lock */

byte owner; /* of the lock: a process, 0 for none */

/* What only the properties look at. */
byte published, received, written_end = START; /* messages, and where they really end */
byte log[SENDERS * BATCH + 1];                 /* their bytes, in order */
bool is_closed;
byte kills = KILLS;

/* One step; or death before it. */
#if KILLS > 0
#define STEP(action) if :: atomic { action } :: atomic { kills > 0 -> kills--; goto dead } fi
#else
#define STEP(action) atomic { action }
#endif

inline lock() { atomic { owner == 0 -> owner = _pid } }
inline unlock() { STEP(owner = 0) }
inline die() { d_step { if :: owner == _pid -> owner = 0 :: else fi } }

/* ---- find_end. Nobody else writes to the words that it reads: all of that is one step. */

inline find_end() {
  STEP(
    begin = end; number = count;
#ifndef NO_WALK
    do
    :: word = ring[PLACE(begin)];
       if
       :: word == NONE || word == CLOSED -> break
       :: else
       fi;
       if
       :: word == SKIP -> begin = begin + LEFT(begin); word = ring[PLACE(begin)];
          assert(word != NONE && word != CLOSED && word != SKIP)
       :: else
       fi;
       assert(LEFT(begin) >= ROOM); /* else CORRUPT, and so below */
#ifndef COUNT_AS_IS
       if :: word > number -> number = word :: else fi;
#endif
       begin = begin + ROOM;
       assert(begin - tail_seen <= CAPACITY)
    od;
#endif
    word = ring[PLACE(begin)];
#ifndef ONLY_MESSAGES
    assert(begin == written_end && number == published && word == (is_closed -> CLOSED : NONE))
#endif
    );
#ifndef WALK_UNSAID
  if
  :: begin != end -> STEP(count = number); STEP(end = begin)
  :: else
  fi
#endif
}

/* ---- shmipc_channel_send, publish: a sender. The bytes of its messages are first, first + 1, … */

/* The publication: what follows is only remembered for the properties. */
inline publish(first) {
  STEP(
    ring[PLACE(begin)] = first;
    assert(!is_closed);
    written_end = to;
    do
    :: stored > 0 -> log[published] = next; published++; next++; stored--
    :: else -> break
    od)
}

proctype sender(byte next; byte messages) {
  byte begin, number, to, word, opening, stored;
  do
  :: messages == 0 -> break
  :: else ->
     lock();
     find_end();
     if
     :: word == CLOSED -> unlock(); break
     :: else
     fi;
     atomic { word = 0; to = begin }
     do
     :: stored < messages ->
        if
        :: to + NEED(to) - tail_seen > CAPACITY ->
           STEP(tail_seen = tail); /* its load, and the store, which is behind the lock */
           if
           :: to + NEED(to) - tail_seen > CAPACITY -> break
           :: else
           fi
        :: else
        fi;
#ifdef EARLY
        if
        :: stored == 0 && SKIP_AT(to) == 0 -> STEP(ring[PLACE(to)] = number + 1)
        :: else
        fi;
#endif
        STEP(ring[PLACE(to + SKIP_AT(to) + 1)] = next + stored);
        word = number + stored + 1;
        if
        :: SKIP_AT(to) > 0 -> STEP(ring[PLACE(to + SKIP_AT(to))] = word; word = SKIP)
        :: else
        fi;
        if
        :: stored > 0 -> STEP(ring[PLACE(to)] = word)
        :: else -> opening = word
        fi;
        atomic { to = to + SKIP_AT(to) + ROOM; stored++; word = 0 }
     :: else -> break
     od;
     if
     :: stored > 0 ->
#ifndef NO_ZERO
        STEP(ring[PLACE(to)] = NONE);
#endif
        atomic { messages = messages - stored; number = number + stored }
#ifdef END_FIRST
        STEP(count = number);
        STEP(end = to);
        publish(opening);
#else
        publish(opening);
        STEP(count = number);
        STEP(end = to);
#endif
        atomic { opening = 0; begin = 0; number = 0; to = 0 }
        unlock()
     :: else ->
        to = tail_seen; number = 0; begin = 0;
        unlock();
        tail != to || is_closed; /* await_space */
        to = 0
     fi
  od;
dead:
  die()
}

/* ---- shmipc_channel_shut_down */

proctype shutter() {
  byte begin, number, word;
  lock();
  find_end();
  if
  :: word == NONE -> STEP(ring[PLACE(begin)] = CLOSED; is_closed = true)
  :: else
  fi;
  unlock();
dead:
  die()
}

/* ---- look_once, shmipc_channel_look_further, the copying, shmipc_channel_take: a receiver */

proctype receiver() {
  byte from, at, word, number, bytes, more_number, more_bytes, more_to;
again:
  atomic { at = 0; word = 0; number = 0; bytes = 0; more_number = 0; more_bytes = 0; more_to = 0 }
  ring[PLACE(tail)] != NONE; /* await_message */
  STEP(from = tail; at = from);
  STEP(number = ring[PLACE(at)]);
  if
  :: number == SKIP -> at = at + LEFT(at); STEP(word = SKIP; number = ring[PLACE(at)])
  :: else
  fi;
  STEP(
#ifndef ANY_LOOK
    if
    :: tail != from -> goto again
    :: else
    fi;
#endif
    if
    :: number == NONE && word != SKIP -> goto again
    :: number == CLOSED && word != SKIP -> assert(is_closed && received == published); goto gone
    :: else -> word = 0
    fi;
    assert(number != NONE && number != CLOSED && number != SKIP && LEFT(at) >= ROOM)); /* else CORRUPT */
  STEP(bytes = ring[PLACE(at + 1)]; at = at + ROOM);
#ifdef FURTHER
  STEP(more_number = ring[PLACE(at)]; more_to = at);
  if
  :: more_number == SKIP -> more_to = more_to + LEFT(more_to); STEP(more_number = ring[PLACE(more_to)])
  :: else
  fi;
  if
  :: more_number == NONE || more_number >= CLOSED || LEFT(more_to) < ROOM || more_to + ROOM - from > CAPACITY ->
     more_number = 0; more_to = 0
  :: else -> STEP(more_bytes = ring[PLACE(more_to + 1)]; at = more_to + ROOM)
  fi;
#endif
  STEP(
#ifndef NO_COMPARE
    if
    :: tail != from -> goto again
    :: else
    fi;
#endif
    tail = at;
    assert(received < published && number == received + 1 && bytes == log[received]);
    received++;
    if
    :: more_number > 0 ->
       assert(received < published && more_number == received + 1 && more_bytes == log[received]);
       received++
    :: else
    fi);
  goto again;
gone:
dead:
  skip
}

/* ---- when nothing goes on any more, somebody comes who takes the lock, and receives all that is left */

proctype survivor() {
  byte begin, number, word, at;
  atomic {
    timeout;
    assert(owner == 0);
    kills = 0;
    find_end();
    do
    :: tail != written_end ->
       at = tail;
       if :: ring[PLACE(at)] == SKIP -> at = at + LEFT(at) :: else fi;
       assert(received < published && ring[PLACE(at)] == received + 1 && ring[PLACE(at + 1)] == log[received]);
       received++;
       tail = at + ROOM
    :: else -> break
    od;
    assert(received == published && ring[PLACE(tail)] == (is_closed -> CLOSED : NONE))
  }
dead:
  skip
}

init {
  byte i;
  atomic {
    /* bytes that look like a number, the end, a skip, nothing */
    run sender(CLOSED, BATCH);
#if SENDERS > 1
    run sender(0, BATCH);
#endif
#if SENDERS > 2
    run sender(100, BATCH);
#endif
    for (i : 1 .. RECEIVERS) { run receiver() }
#ifdef SHUTDOWN
    run shutter();
#endif
    run survivor()
  }
}
