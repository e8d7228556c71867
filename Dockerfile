# The demo and every command, on the CPU:
#   docker build -t talkinghead . && docker run --rm -v "$PWD/out:/out" talkinghead
#   docker run --rm -v "$PWD:/work" -w /work talkinghead generate --photo me.jpg --audio speech.mp3 --output me.mp4
FROM python:3.12-slim AS build
WORKDIR /talkinghead
COPY . .
ENV TALKINGHEAD_VENV=/venv PIP_NO_CACHE_DIR=1
RUN python scripts/setup_environment.py --extras tts

FROM python:3.12-slim
COPY --from=build /talkinghead /talkinghead
COPY --from=build /venv /venv
# Kernels compiled by one container are found by the next if this folder is a volume.
ENV PATH=/venv/bin:$PATH NUMBA_CACHE_DIR=/cache
RUN useradd --create-home user && mkdir /cache /out && chown user /cache /out
USER user
VOLUME /cache
ENTRYPOINT ["talkinghead"]
CMD ["generate", "--photo", "/talkinghead/examples/astronaut.png", "--audio", "/talkinghead/examples/demo.wav", "--output", "/out/demo.mp4"]
