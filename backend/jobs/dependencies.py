"""How routes reach the services of jobs."""

from typing import Annotated

from fastapi import Depends

from backend.jobs.output_files import JobOutputFiles
from backend.jobs.service import Jobs
from backend.jobs.watch import JobWatch
from backend.web.features import provided

JobsService = Annotated[Jobs, Depends(provided(Jobs))]
OutputFiles = Annotated[JobOutputFiles, Depends(provided(JobOutputFiles))]
Watch = Annotated[JobWatch, Depends(provided(JobWatch))]
