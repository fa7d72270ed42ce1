-- Greetings, and what App Home shows: in which channels someone has a usual.
ALTER TABLE ingress.delivery
    DROP CONSTRAINT delivery_kind_check,
    ADD CONSTRAINT delivery_kind_check CHECK (kind IN
        ('card', 'summary', 'last_call', 'arrival', 'greeting', 'list', 'reminder', 'offer', 'relief', 'notice', 'answer')),
    DROP CONSTRAINT delivery_for_everyone,
    ADD CONSTRAINT delivery_for_everyone CHECK ((kind IN ('card', 'summary', 'last_call', 'arrival', 'greeting')) = (user_id = ''));
CREATE INDEX usual_by_user ON ingress.usual (workspace_id, user_id, saved_at DESC);
