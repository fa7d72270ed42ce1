DROP FUNCTION runs.assert_rows;
DROP TABLE runs.inbox;
DROP TABLE runs.usual;
DROP TABLE runs.drink_order;
DROP TABLE runs.run;
DROP TABLE runs.channel;
