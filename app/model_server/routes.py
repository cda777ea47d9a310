"""The routes of the OpenAI videos API."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response
from starlette.concurrency import run_in_threadpool

from app.dashboard.capacity.file_response import BlockFileResponse
from app.model_server.docs_page import CSS, openapi, page
from app.model_server.errors import ApiError, invalid
from app.model_server.offer import models_list
from app.model_server.request_body import read_body
from app.model_server.service import ModelService
from app.model_server.video_objects import DeletedOut, ErrorOut, ModelListOut, ModelOut, VideoListOut, VideoOut
from app.model_server.video_request import VideoRequest

router = APIRouter()
ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"model": ErrorOut, "description": "A parameter is missing, unknown or invalid; `param` names it."},
    401: {"model": ErrorOut, "description": "The token is missing or wrong."},
}
NOT_FOUND: dict[int | str, dict[str, Any]] = {404: {"model": ErrorOut, "description": "There is no such object."}}
REFUSED: dict[int | str, dict[str, Any]] = {
    413: {"model": ErrorOut, "description": "The body or the picture is too large."},
    415: {"model": ErrorOut, "description": "The body is neither JSON nor a form."},
    429: {"model": ErrorOut, "description": "The queue is full. `Retry-After` is the number of seconds to wait."},
}
PICTURE = "The picture that the clip starts with, for image-to-video models: PNG, JPEG or WebP of at most 20 MB."
REFERENCE = {
    "type": "object",
    "description": PICTURE,
    "properties": {"image_url": {"type": "string", "description": "A `data:image/...;base64,` URL."}},
    "required": ["image_url"],
}


def _fields(reference: dict[str, Any]) -> dict[str, Any]:
    schema = VideoRequest.model_json_schema()
    return {"schema": schema | {"properties": schema["properties"] | {"input_reference": reference}}}


BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": _fields(REFERENCE),
            "multipart/form-data": _fields({"type": "string", "format": "binary", "description": PICTURE}),
        },
    }
}


def service_of(request: Request) -> ModelService:
    """Return the service behind the routes."""
    service: ModelService = request.app.state.service
    return service


@router.post("/v1/videos", response_model=VideoOut, responses=ERRORS | REFUSED, openapi_extra=BODY)
async def create_video(request: Request) -> Any:
    """Queue a clip."""
    body = await read_body(request)
    return await run_in_threadpool(service_of(request).create, body)


@router.get("/v1/videos", response_model=VideoListOut, responses=ERRORS | NOT_FOUND)
def list_videos(
    request: Request,
    after: Annotated[str, Query(description="Id of the last video of the previous page.")] = "",
    limit: Annotated[int, Query(ge=1, le=100, description="Videos on a page.")] = 20,
    order: Annotated[Literal["asc", "desc"], Query(description="By time of creation.")] = "desc",
) -> Any:
    """List videos, the latest first."""
    service = service_of(request)
    jobs = service.queue.all()
    if order == "desc":
        jobs.reverse()
    if after:
        last = service.queue.get(after)
        jobs = jobs[jobs.index(last) + 1 :] if last in jobs else []
    shown = [service.show(job) for job in jobs[:limit]]
    return {
        "object": "list",
        "data": shown,
        "first_id": shown[0]["id"] if shown else None,
        "last_id": shown[-1]["id"] if shown else None,
        "has_more": len(jobs) > limit,
    }


@router.get("/v1/videos/{video_id}", response_model=VideoOut, responses=ERRORS | NOT_FOUND)
def get_video(request: Request, video_id: str) -> Any:
    """Return the status of a video."""
    service = service_of(request)
    return service.show(service.queue.get(video_id))


@router.get(
    "/v1/videos/{video_id}/content",
    response_class=Response,
    responses={
        **ERRORS,
        200: {"content": {"video/mp4": {}}, "description": "The file; ranges are possible."},
        404: {"model": ErrorOut, "description": "There is no such video, or it is not completed."},
    },
)
def get_content(
    request: Request,
    video_id: str,
    variant: Annotated[str, Query(description="Only `video` is possible.")] = "video",
) -> Response:
    """Return the file of a completed video."""
    if variant != "video":
        raise invalid("This server has no thumbnails or spritesheets. Omit variant.", "variant")
    path = service_of(request).content(video_id)
    if not path.is_file():
        raise ApiError(404, "The file of the video was deleted. Create the video again.", "video_expired", "video_id")
    return BlockFileResponse(path, media_type="video/mp4", filename=path.name)


@router.delete("/v1/videos/{video_id}", response_model=DeletedOut, responses=ERRORS | NOT_FOUND)
def delete_video(request: Request, video_id: str) -> Any:
    """Cancel a queued video, or delete a finished one. The result of a running one is discarded."""
    service_of(request).delete(video_id)
    return {"id": video_id, "object": "video.deleted", "deleted": True}


@router.get("/v1/models", response_model=ModelListOut, responses=ERRORS)
def list_models(request: Request) -> Any:
    """List the models with their sizes and lengths."""
    return {"object": "list", "data": models_list(service_of(request).cards)}


@router.get("/v1/models/{name}", response_model=ModelOut, responses=ERRORS | NOT_FOUND)
def get_model(request: Request, name: str) -> Any:
    """Return one model."""
    found = next((each for each in models_list(service_of(request).cards) if each["id"] == name), None)
    if found is None:
        raise ApiError(
            404,
            f"This server does not offer the model {name[:80]!r}. List the models with GET /v1/models.",
            "model_not_found",
            "model",
        )
    return found


@router.get("/healthz")
def health() -> dict[str, str]:
    """Return that the server answers; needs no token."""
    return {"status": "ok"}


@router.get("/openapi.json", include_in_schema=False)
def schema() -> Any:
    """Return the OpenAPI description; needs no token."""
    return openapi(router)


@router.get("/docs", include_in_schema=False)
def docs() -> HTMLResponse:
    """Show the API documentation; needs no token."""
    return HTMLResponse(page(openapi(router)))


@router.get("/docs.css", include_in_schema=False)
def style() -> Response:
    """Return the style of the documentation."""
    return Response(CSS, media_type="text/css")
