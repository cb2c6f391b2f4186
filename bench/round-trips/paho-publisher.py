"""Publishes one message with QoS 1 by Paho, and disconnects when it is acknowledged: HOW PORT CA CLIENT-ID TOPIC MESSAGE"""
import sys

import paho.mqtt.client as mqtt
import paho.mqtt.publish

how, port, ca, client_id, topic, message = sys.argv[1:]
if how == "single":
    to = {"hostname": "localhost", "port": int(port), "tls": {"ca_certs": ca}}
    paho.mqtt.publish.single(topic, message, qos=1, client_id=client_id, **to)
else:
    # Paho 2 asks which callbacks are meant.
    version = getattr(mqtt, "CallbackAPIVersion", None)
    client = mqtt.Client(*([version.VERSION2] if version else []), client_id=client_id)
    client.tls_set(ca)
    client.connect("localhost", int(port))
    client.loop_start()
    client.publish(topic, message, qos=1).wait_for_publish()
    client.disconnect()
    client.loop_stop()
