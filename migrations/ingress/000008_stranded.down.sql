DELETE FROM ingress.delivery WHERE kind = 'stranded';
ALTER TABLE ingress.delivery
    DROP CONSTRAINT delivery_kind_check,
    ADD CONSTRAINT delivery_kind_check CHECK (kind IN
        ('card', 'summary', 'last_call', 'arrival', 'greeting', 'list', 'reminder', 'offer', 'relief', 'notice', 'answer')),
    DROP CONSTRAINT delivery_for_everyone,
    ADD CONSTRAINT delivery_for_everyone CHECK ((kind IN ('card', 'summary', 'last_call', 'arrival', 'greeting')) = (user_id = ''));
