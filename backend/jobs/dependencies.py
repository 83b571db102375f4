"""How routes reach the services of jobs."""

from typing import Annotated

from fastapi import Depends

from backend.jobs.batches import Batches
from backend.jobs.comfy_activity import ComfyActivity
from backend.jobs.estimates import Estimates
from backend.jobs.live import Live
from backend.jobs.ordering import Ordering
from backend.jobs.output_files import JobOutputFiles
from backend.jobs.reruns import Reruns
from backend.jobs.selection import Selection
from backend.jobs.service import Jobs
from backend.jobs.submission import Submission
from backend.jobs.watch import JobWatch
from backend.web.features import provided

JobsService = Annotated[Jobs, Depends(provided(Jobs))]
BatchesService = Annotated[Batches, Depends(provided(Batches))]
SubmissionService = Annotated[Submission, Depends(provided(Submission))]
OutputFiles = Annotated[JobOutputFiles, Depends(provided(JobOutputFiles))]
Watch = Annotated[JobWatch, Depends(provided(JobWatch))]
LiveService = Annotated[Live, Depends(provided(Live))]
EstimatesService = Annotated[Estimates, Depends(provided(Estimates))]
OrderingService = Annotated[Ordering, Depends(provided(Ordering))]
RerunsService = Annotated[Reruns, Depends(provided(Reruns))]
ComfyActivityService = Annotated[ComfyActivity, Depends(provided(ComfyActivity))]
SelectionService = Annotated[Selection, Depends(provided(Selection))]
