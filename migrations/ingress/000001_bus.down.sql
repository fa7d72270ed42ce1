DROP TABLE ingress.consumer_position;
