"""`python -m curation.llm.practice`: the synthetic practice server, alone."""

from curation.llm.practice.alone import serve_alone

if __name__ == "__main__":
    serve_alone()
