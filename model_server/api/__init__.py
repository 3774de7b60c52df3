"""What a call is answered with, whatever transport it came by: requests in, responses out."""
