# The labelling package as a Dockerfile says it: two stages of copies, nothing to run.
#   tarsia build specs/receipt_label.Dockerfile --context layers --name receipt-label-docker
FROM scratch AS dependencies
ENV LAMBDA_TASK_ROOT=/var/task
COPY rootfs/ /
WORKDIR ${LAMBDA_TASK_ROOT}
COPY receipt_dynamo/ ${LAMBDA_TASK_ROOT}/receipt_dynamo/

FROM dependencies
LABEL org.opencontainers.image.title="receipt-label"
COPY receipt_label/ ${LAMBDA_TASK_ROOT}/receipt_label/
CMD ["receipt_label.handler.handler"]
