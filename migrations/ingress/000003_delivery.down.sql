DROP TABLE ingress.pause;
DROP TABLE ingress.delivery;
