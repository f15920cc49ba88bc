"""The agent: owns conversations, tickets and answers, and hosts the `Customer` actor."""
