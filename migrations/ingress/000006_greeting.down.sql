DROP INDEX ingress.usual_by_user;
DELETE FROM ingress.delivery WHERE kind = 'greeting';
ALTER TABLE ingress.delivery
    DROP CONSTRAINT delivery_kind_check,
    ADD CONSTRAINT delivery_kind_check CHECK (kind IN
        ('card', 'summary', 'last_call', 'arrival', 'list', 'reminder', 'offer', 'relief', 'notice', 'answer')),
    DROP CONSTRAINT delivery_for_everyone,
    ADD CONSTRAINT delivery_for_everyone CHECK ((kind IN ('card', 'summary', 'last_call', 'arrival')) = (user_id = ''));
