"""Who somebody is: passwords, second factors, links, tokens, throttles, sessions. Asked before anybody is known."""
