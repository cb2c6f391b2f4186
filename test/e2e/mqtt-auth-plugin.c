/*
 * A Mosquitto plugin with a method of enhanced authentication (MQTT 5 §4.12) that has every turn and no secrets:
 * whoever gives a challenge back reversed is let in. For tests.
 */
#include <mosquitto_broker.h>
#include <mosquitto_plugin.h>
#include <string.h>

/* Of mosquitto.h, which is another package's. */
enum { SUCCESS = 0, AUTH_FAILED = 11, NOT_SUPPORTED = 10, AUTH_CONTINUE = -4 };

static mosquitto_plugin_id_t *plugin;
/* One client at a time. */
static char awaited[64];
static size_t awaited_length;

static void answer(struct mosquitto_evt_extended_auth *event, const void *data, size_t length) {
  event->data_out = mosquitto_calloc(1, length);
  memcpy(event->data_out, data, length);
  event->data_out_len = (uint16_t)length;
}

/* CONNECT, or AUTH of a re-authentication: what the client says comes back as the challenge. */
static int start(int what, void *data, void *user) {
  struct mosquitto_evt_extended_auth *event = data;
  (void)what, (void)user;
  if (strcmp(event->auth_method, "REVERSED") != 0) return NOT_SUPPORTED;
  if (event->data_in_len == 0 || event->data_in_len > sizeof awaited) return AUTH_FAILED;
  awaited_length = event->data_in_len;
  for (size_t i = 0; i < awaited_length; i++)
    awaited[i] = ((const char *)event->data_in)[awaited_length - 1 - i];
  answer(event, event->data_in, awaited_length);
  return AUTH_CONTINUE;
}

static int go_on(int what, void *data, void *user) {
  struct mosquitto_evt_extended_auth *event = data;
  (void)what, (void)user;
  if (event->data_in_len != awaited_length || memcmp(event->data_in, awaited, awaited_length) != 0)
    return AUTH_FAILED;
  answer(event, "well met", 8);
  return SUCCESS;
}

int mosquitto_plugin_version(int count, const int *versions) {
  for (int i = 0; i < count; i++)
    if (versions[i] == 5) return 5;
  return -1;
}

int mosquitto_plugin_init(mosquitto_plugin_id_t *id, void **user, struct mosquitto_opt *options, int count) {
  (void)user, (void)options, (void)count;
  plugin = id;
  mosquitto_callback_register(id, MOSQ_EVT_EXT_AUTH_START, start, NULL, NULL);
  return mosquitto_callback_register(id, MOSQ_EVT_EXT_AUTH_CONTINUE, go_on, NULL, NULL);
}

int mosquitto_plugin_cleanup(void *user, struct mosquitto_opt *options, int count) {
  (void)user, (void)options, (void)count;
  mosquitto_callback_unregister(plugin, MOSQ_EVT_EXT_AUTH_START, start, NULL);
  return mosquitto_callback_unregister(plugin, MOSQ_EVT_EXT_AUTH_CONTINUE, go_on, NULL);
}
