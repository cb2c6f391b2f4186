/* NSS key log lines for Wireshark, in the simulator only: on a board secrets have no way out. */
#include "tls-internal.h"

#if defined(DORMOUSE_TLS_KEYLOG)

#include <stdio.h>
#include <string.h>

#include "mbedtls/platform_util.h"

static void (*keylog)(const char *text);

static const char *label_of(mbedtls_ssl_key_export_type type)
{
    switch (type) {
    case MBEDTLS_SSL_KEY_EXPORT_TLS12_MASTER_SECRET: return "CLIENT_RANDOM";
    case MBEDTLS_SSL_KEY_EXPORT_TLS1_3_CLIENT_EARLY_SECRET: return "CLIENT_EARLY_TRAFFIC_SECRET";
    case MBEDTLS_SSL_KEY_EXPORT_TLS1_3_CLIENT_HANDSHAKE_TRAFFIC_SECRET: return "CLIENT_HANDSHAKE_TRAFFIC_SECRET";
    case MBEDTLS_SSL_KEY_EXPORT_TLS1_3_SERVER_HANDSHAKE_TRAFFIC_SECRET: return "SERVER_HANDSHAKE_TRAFFIC_SECRET";
    case MBEDTLS_SSL_KEY_EXPORT_TLS1_3_CLIENT_APPLICATION_TRAFFIC_SECRET: return "CLIENT_TRAFFIC_SECRET_0";
    case MBEDTLS_SSL_KEY_EXPORT_TLS1_3_SERVER_APPLICATION_TRAFFIC_SECRET: return "SERVER_TRAFFIC_SECRET_0";
    default: return NULL;
    }
}

static char *append_hex(char *to, const unsigned char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        to += sprintf(to, "%02x", bytes[i]);
    return to;
}

static void export_keys(void *data, mbedtls_ssl_key_export_type type, const unsigned char *secret, size_t length,
                        const unsigned char client[32], const unsigned char server[32], mbedtls_tls_prf_types prf)
{
    const char *label = label_of(type);
    char line[40 + 2 * 32 + 2 * 64];
    (void)data, (void)server, (void)prf;
    if (keylog == NULL || label == NULL || length > 64)
        return;
    char *to = line + sprintf(line, "%s ", label);
    to = append_hex(to, client, 32);
    *to++ = ' ';
    to = append_hex(to, secret, length);
    *to = 0;
    keylog(line);
    mbedtls_platform_zeroize(line, sizeof line);
}

void tls_set_keylog(void (*line)(const char *text))
{
    keylog = line;
}

void tls_keylog_attach(mbedtls_ssl_context *ssl)
{
    if (keylog != NULL)
        mbedtls_ssl_set_export_keys_cb(ssl, export_keys, NULL);
}

#else

void tls_set_keylog(void (*line)(const char *text)) { (void)line; }
void tls_keylog_attach(mbedtls_ssl_context *ssl) { (void)ssl; }

#endif
