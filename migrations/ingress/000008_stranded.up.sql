-- What could not be said where it belongs, said elsewhere: to the channel, or to the run's initiator.
ALTER TABLE ingress.delivery
    DROP CONSTRAINT delivery_kind_check,
    ADD CONSTRAINT delivery_kind_check CHECK (kind IN
        ('card', 'summary', 'last_call', 'arrival', 'greeting', 'stranded', 'list', 'reminder', 'offer', 'relief', 'notice', 'answer')),
    DROP CONSTRAINT delivery_for_everyone,
    ADD CONSTRAINT delivery_for_everyone CHECK (kind = 'stranded'
        OR (kind IN ('card', 'summary', 'last_call', 'arrival', 'greeting')) = (user_id = ''));
