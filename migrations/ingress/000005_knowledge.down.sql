DROP TABLE ingress.personal_settings;
DROP TABLE ingress.settings_change;
DROP TABLE ingress.standings;
DROP INDEX ingress.run_by_channel;
