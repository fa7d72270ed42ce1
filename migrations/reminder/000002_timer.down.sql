DROP TABLE reminder.timer;
DROP TABLE reminder.run;
DROP TABLE reminder.channel;
