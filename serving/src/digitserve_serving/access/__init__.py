"""Who may come in: certificates, tokens with scopes and rates, and what each method asks for."""
