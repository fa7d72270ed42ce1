DELETE FROM ingress.delivery WHERE kind IN ('last_call', 'arrival', 'offer', 'relief');
ALTER TABLE ingress.delivery
    DROP CONSTRAINT delivery_kind_check,
    ADD CONSTRAINT delivery_kind_check CHECK (kind IN ('card', 'summary', 'list', 'reminder', 'notice', 'answer')),
    DROP CONSTRAINT delivery_for_everyone,
    ADD CONSTRAINT delivery_check2 CHECK ((kind IN ('card', 'summary')) = (user_id = '')),
    DROP CONSTRAINT delivery_event,
    ADD CONSTRAINT delivery_check1 CHECK ((kind = 'answer') = (event IS NOT NULL));
