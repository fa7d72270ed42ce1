DROP TABLE ingress.person;
DROP TABLE ingress.usual;
DROP TABLE ingress.run;
DROP TABLE ingress.channel;
