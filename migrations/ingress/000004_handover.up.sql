-- More that Slack is to be told: last calls, offers, and that the coffee is here.
ALTER TABLE ingress.delivery
    DROP CONSTRAINT delivery_kind_check,
    ADD CONSTRAINT delivery_kind_check CHECK (kind IN
        ('card', 'summary', 'last_call', 'arrival', 'list', 'reminder', 'offer', 'relief', 'notice', 'answer')),
    DROP CONSTRAINT delivery_check2,
    ADD CONSTRAINT delivery_for_everyone CHECK ((kind IN ('card', 'summary', 'last_call', 'arrival')) = (user_id = '')),
    DROP CONSTRAINT delivery_check1,
    ADD CONSTRAINT delivery_event CHECK ((kind IN ('answer', 'last_call')) = (event IS NOT NULL));
