#include "trial.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "system.h"

#define PRINTED_FAILURES 8
#define DECISION (5 * TRIAL_SECOND)

static struct trial_option *known;
static size_t known_count;
static uint64_t random_state = 1;
static _Atomic(uint32_t) own_failures, *failures = &own_failures;

static void usage(void) {
  size_t i;
  for (i = 0; i < known_count; i++) {
    if (known[i].text)
      fprintf(stderr, "  %-12s %s (%s)\n", known[i].key, known[i].meaning, known[i].text);
    else
      fprintf(stderr, "  %-12s %s (%lu)\n", known[i].key, known[i].meaning, (unsigned long)known[i].value);
  }
  exit(2);
}

static struct trial_option *find_option(const char *key, size_t length) {
  size_t i;
  for (i = 0; i < known_count; i++)
    if (strlen(known[i].key) == length && memcmp(known[i].key, key, length) == 0) return &known[i];
  return NULL;
}

void trial_options(int argc, char **argv, struct trial_option *options, size_t count) {
  int i;
  known = options;
  known_count = count;
  for (i = 1; i < argc; i++) {
    const char *equals = strchr(argv[i], '=');
    struct trial_option *option = equals ? find_option(argv[i], (size_t)(equals - argv[i])) : NULL;
    char *end;
    if (!option || equals[1] == '\0') usage();
    if (option->text) {
      option->text = equals + 1;
      continue;
    }
    option->value = strtoull(equals + 1, &end, 10);
    if (*end != '\0') usage();
  }
}

static const struct trial_option *option_of(const char *key) {
  const struct trial_option *option = find_option(key, strlen(key));
  if (!option) trial_give_up("there is no option %s", key);
  return option;
}

uint64_t trial_option(const char *key) { return option_of(key)->value; }
const char *trial_option_text(const char *key) { return option_of(key)->text; }

uint64_t trial_mix(uint64_t value) { /* splitmix64 */
  value += UINT64_C(0x9e3779b97f4a7c15);
  value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
  return value ^ value >> 31;
}

void trial_seed(uint64_t seed) { random_state = seed; }
uint64_t trial_random(void) { return trial_mix(random_state++); }
uint64_t trial_below(uint64_t limit) { return trial_random() % limit; }

void trial_count_in(_Atomic(uint32_t) *counted) { failures = counted; }
unsigned trial_failures(void) { return atomic_load(failures); }

static void print_line(const char *prefix, const char *format, va_list arguments) {
  char line[1024];
  int used = snprintf(line, sizeof line - 1, "%s", prefix);
  used += vsnprintf(line + used, sizeof line - 1 - (size_t)used, format, arguments);
  if (used > (int)sizeof line - 2) used = (int)sizeof line - 2;
  line[used] = '\n';
  system_print(line, (size_t)used + 1);
}

void trial_fail(const char *format, ...) {
  va_list arguments;
  if (atomic_fetch_add(failures, 1) >= PRINTED_FAILURES) return;
  va_start(arguments, format);
  print_line("broken: ", format, arguments);
  va_end(arguments);
}

int trial_end(const char *format, ...) {
  const unsigned found = trial_failures();
  char prefix[40] = "ok: ";
  va_list arguments;
  if (found > 0) snprintf(prefix, sizeof prefix, "%u broken promises: ", found);
  va_start(arguments, format);
  print_line(prefix, format, arguments);
  va_end(arguments);
  return found > 0;
}

void trial_give_up(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  print_line("cannot run: ", format, arguments);
  va_end(arguments);
  exit(2);
}

const char *trial_status(enum shmipc_status status) {
  static const char *const status_names[] = {"OK",
#define SHMIPC_X(name, text) #name,
                                             SHMIPC_CODES(SHMIPC_X) SHMIPC_RAISED(SHMIPC_X)
#undef SHMIPC_X
  };
  return status_names[status];
}

void trial_name(char name[TRIAL_NAME], const char *tag) {
  snprintf(name, TRIAL_NAME, "channel_trial_%u_%s", system_process_number(), tag);
}

static void *map_board(struct os_section *section, size_t size) {
  static struct os_view view; /* does not move */
  const struct shmipc_result result = os_view_map(section, 0, size, OS_READ_WRITE, &view);
  if (result.status != SHMIPC_OK) trial_give_up("the board's memory: %s", trial_status(result.status));
  return view.address;
}

void *trial_board_create(const char *text, size_t size) {
  const struct os_name name = {OS_SCOPE_NONE, text};
  struct os_section *section;
  const struct shmipc_result result =
      os_section_create(&name, size, 0600, OS_WHILE_HELD, os_clock() + DECISION, &section);
  if (result.status != SHMIPC_OK) trial_give_up("the board: %s", trial_status(result.status));
  return map_board(section, size);
}

void *trial_board_open(const char *text) {
  const struct os_name name = {OS_SCOPE_NONE, text};
  struct os_section *section;
  const struct shmipc_result result = os_section_open(&name, OS_READ_WRITE, os_clock() + DECISION, &section);
  if (result.status != SHMIPC_OK) trial_give_up("the board: %s", trial_status(result.status));
  return map_board(section, (size_t)os_section_size(section));
}
