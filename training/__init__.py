"""How the starter's weights were made. Nothing else imports this package."""
