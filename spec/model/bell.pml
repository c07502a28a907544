/* What bells.pml and space.pml share: a bell of csrc/core/channel.c, and the system's side of it. Each step is one
 * access to shared memory, or one call of the system. The bell's word is written by read-modify-write instructions
 * only, each of which is a full barrier.
 *
 *   SLEEPERS   how many wait at it
 *   KILLS      so many processes are killed, each between any two of its steps
 *   SEMAPHORE  the system's side is that of Windows: it compares the word and sleeps in two steps, and keeps wakes
 *   ANY_ORDER  the system wakes any sleeper, not the one who has slept longest (as it may on both systems: on Linux,
 *              when their threads have different real-time priorities)
 *   RESCUED    a sleep may end by itself when nothing else goes on, as every sleep does after 0.1 s: who wakes up so
 *              must find what it waits for. Always with KILLS, unless NO_RESCUE
 *
 * Without a part of it, which must be found out: NO_SECOND_LOOK, NO_BATON, NO_SEVERAL, NO_RINGS_COUNTED,
 * and with ANY_ORDER or SEMAPHORE NO_DOUBT. */

#ifndef SLEEPERS
#define SLEEPERS 2
#endif
#ifndef KILLS
#define KILLS 0
#endif
#if KILLS > 0 && !defined(NO_RESCUE)
#define RESCUED
#endif

#define ASLEEP 1
#define SEVERAL 2
#ifdef NO_RINGS_COUNTED
#define RING 0
#else
#define RING 4
#endif
#define CLEARED 254 /* only in a process: the bell was ASLEEP, and it has cleared that */

byte bell;

/* What the system keeps. */
chan sleepers = [SLEEPERS] of {byte}; /* in the order in which they fell asleep */
bool woken[SLEEPERS];
byte kept; /* SEMAPHORE: wakes that nobody has taken */

/* What only the properties look at. */
byte moving;  /* processes that are not asleep, not over, not dead */
byte rescues; /* since somebody got what it waits for */
byte kills = KILLS;

/* One step; or death before it. */
#if KILLS > 0
#define STEP(action) if :: atomic { action } :: atomic { kills > 0 -> kills--; goto dead } fi
#else
#define STEP(action) atomic { action }
#endif

/* ---- os_arena_ring */

inline wake_one() {
  if
  :: len(sleepers) == 0 ->
#ifdef SEMAPHORE
     kept++
#else
     skip
#endif
#ifdef ANY_ORDER
  :: sleepers??[0] -> sleepers??0; woken[0] = true; moving++
  :: sleepers??[1] -> sleepers??1; woken[1] = true; moving++
#else
  :: len(sleepers) > 0 -> sleepers?who; woken[who] = true; moving++
#endif
  fi
}

/* ---- bell_ring, bell_ring_slowly */

inline bell_ring() {
  STEP(value = bell);
  do
  :: value & ASLEEP ->
     STEP(
       if
       :: bell == value -> bell = (bell + RING) & ~ASLEEP; value = CLEARED
       :: else -> value = bell
       fi)
  :: value == CLEARED -> STEP(wake_one(); value = 0)
  :: else -> value = 0; break
  od
}

/* ---- bell_announce: leaves in `value` what to sleep on; what it was before is what this wait announced last. */

inline bell_announce() {
  STEP(
    before = value;
    value = bell;
    bell = bell | ASLEEP;
    is_several = (value & ASLEEP) && value != before;
#ifdef NO_SEVERAL
    is_several = false;
#endif
    before = 0;
    value = value | ASLEEP);
  if
  :: is_several -> STEP(is_several = false; bell = bell | SEVERAL; value = bell | ASLEEP)
  :: else
  fi
}

/* ---- bell_sleep, os_arena_sleep. The deadline may come at any time: then it goes to `leave`. */

inline arena_sleep() {
#ifdef SEMAPHORE
  STEP(if :: bell == value :: else -> goto slept fi);
  STEP(if :: kept > 0 -> kept--; woken[me] = true :: else -> sleepers!me; moving-- fi);
#else
  STEP(if :: bell == value -> sleepers!me; moving-- :: else -> goto slept fi);
#endif
  if
  :: atomic { woken[me] -> woken[me] = false }
  :: atomic { !woken[me] -> sleepers??eval(me); moving++; goto leave }
#ifdef RESCUED
  :: atomic {
       IS_LOST && !woken[me] -> sleepers??eval(me); moving++; rescues++;
       assert(rescues <= KILLS + 1);
       goto leave
     }
#endif
#if KILLS > 0
  :: atomic { kills > 0 && !woken[me] -> kills--; sleepers??eval(me); moving++; goto dead }
#endif
  fi
#ifndef NO_DOUBT
  STEP(if :: bell == value -> bell = bell | SEVERAL :: else fi)
#endif
}

/* ---- bell_leave. Between the look and what follows, SEVERAL may come. */

inline bell_leave() {
#ifndef NO_BATON
  STEP(if :: bell & SEVERAL -> value = 0 :: else fi);
#endif
  STEP(
    if
    :: value == 0 -> bell = bell | ASLEEP
    :: value != 0 && bell == value -> bell = value & ~ASLEEP
    :: else
    fi;
    value = 0)
}

/* ---- the property. IS_LOST: somebody sleeps beside what it waits for, and nobody is awake, or on the way to be. */

#ifndef RESCUED
active proctype nobody_is_lost() {
end_idle:
  atomic { IS_LOST -> assert(false) }
}
#endif
