"""What a run folder says, made for people: its page, its study, its claims, and how sure each number is."""
