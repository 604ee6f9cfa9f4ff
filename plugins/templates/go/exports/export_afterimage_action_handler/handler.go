// Package export_afterimage_action_handler reads every file of an upload and
// says how long it is. Its name is the one that the bindings look for.
package export_afterimage_action_handler

import (
	"fmt"
	"io"
	"os"
	"strings"

	"go.bytecodealliance.org/pkg/wit/types"

	log "action/imports/afterimage_action_log"
	settings "action/imports/afterimage_action_settings"
	uploads "action/imports/afterimage_action_uploads"
)

type (
	checked   = wit_types.Result[uint32, uploads.Rejection]
	delivered = wit_types.Result[uploads.Receipt, uploads.Failure]
)

// Check answers while the camera waits.
func Check(draft uploads.Upload) checked {
	if len(draft.Files) == 0 {
		return wit_types.Err[uint32](uploads.Rejection{
			Reason:  uploads.RejectionReason_Invalid,
			Message: "nothing to deliver",
		})
	}
	return wit_types.Ok[uint32, uploads.Rejection](1)
}

// Deliver does the work. The other kind of failure is uploads.MakeFailureReject.
func Deliver(upload uploads.Upload) delivered {
	log.Write(log.Level_Info, "settings "+settings.Json(), nil)
	var read []string
	for _, file := range upload.Files {
		length, err := length(file.Path)
		if err != nil {
			return wit_types.Err[uploads.Receipt](uploads.MakeFailureRetry(uploads.RetryAdvice{
				AfterSeconds: wit_types.None[uint32](),
				Reason:       err.Error(),
			}))
		}
		read = append(read, fmt.Sprintf("%s (%d bytes)", file.Name, length))
	}
	return wit_types.Ok[uploads.Receipt, uploads.Failure](uploads.Receipt{
		Summary: fmt.Sprintf("read %s from %s", strings.Join(read, ", "), upload.Sender),
	})
}

func length(path string) (int64, error) {
	photo, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer photo.Close()
	return io.Copy(io.Discard, photo)
}
