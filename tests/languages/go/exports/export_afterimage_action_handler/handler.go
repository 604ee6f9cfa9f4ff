// Package export_afterimage_action_handler is the sink of
// `tests/languages.rs` in Go.
package export_afterimage_action_handler

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"

	"go.bytecodealliance.org/pkg/wit/types"

	files "action/imports/afterimage_action_files"
	log "action/imports/afterimage_action_log"
	progress "action/imports/afterimage_action_progress"
	settings "action/imports/afterimage_action_settings"
	uploads "action/imports/afterimage_action_uploads"
)

type (
	checked   = wit_types.Result[uint32, uploads.Rejection]
	delivered = wit_types.Result[uploads.Receipt, uploads.Failure]
	field     = wit_types.Tuple2[string, string]
)

func Check(draft uploads.Upload) checked {
	refuse := func(reason uploads.RejectionReason, message string) checked {
		return wit_types.Err[uint32](uploads.Rejection{Reason: reason, Message: message})
	}
	if album() == nil {
		return refuse(uploads.RejectionReason_Other, "ALBUM is missing")
	}
	if len(draft.Files) == 0 {
		return refuse(uploads.RejectionReason_Invalid, "nothing to deliver")
	}
	if strings.HasPrefix(draft.Sender, "stranger@") {
		return refuse(uploads.RejectionReason_Unauthorized, "no stranger's pictures")
	}
	for _, file := range draft.Files {
		if file.ContentType == "video/mp4" {
			return refuse(uploads.RejectionReason_Unsupported, "no videos: "+file.Name)
		}
	}
	if len(draft.Files) > 3 {
		return refuse(uploads.RejectionReason_TooLarge, "at most 3 pictures")
	}
	if draft.Service.IsSome() {
		return wit_types.Ok[uint32, uploads.Rejection](2)
	}
	return wit_types.Ok[uint32, uploads.Rejection](1)
}

func Deliver(upload uploads.Upload) delivered {
	switch upload.Body {
	case "trap":
		panic("told to trap")
	case "busy":
		return retry(wit_types.Some[uint32](60))
	case "later":
		return retry(wit_types.None[uint32]())
	case "full":
		return wit_types.Err[uploads.Receipt](uploads.MakeFailureReject(uploads.Rejection{
			Reason:  uploads.RejectionReason_TooLarge,
			Message: "the album is full",
		}))
	}
	album := *album()
	before := "first"
	if notes := progress.Load(); notes.IsSome() {
		before = "again after " + string(notes.Some())
	} else if saved := progress.Save(fmt.Appendf(nil, "attempt %d", upload.Attempt)); saved.IsErr() {
		panic(saved.Err())
	}
	var read, links []string
	for _, file := range upload.Files {
		bytes, err := os.ReadFile(file.Path)
		if err != nil {
			panic(err)
		}
		sum := fmt.Sprintf("%x", sha256.Sum256(bytes))
		log.Write(log.Level_Info, "read "+file.Name, []field{
			{F0: "bytes", F1: strconv.Itoa(len(bytes))},
			{F0: "sha256", F1: sum},
		})
		read = append(read, fmt.Sprintf("%s (%d bytes, sha256 %s)", file.Name, len(bytes), sum))
		links = append(links, "https://photos.example.org/"+album+"/"+file.Name)
	}
	if more := files.Read(uint32(len(read)), 0); more.IsErr() {
		if more.Err().Tag() == files.FileError_NoSuchFile {
			log.Write(log.Level_Debug, "no more files", nil)
		}
	}
	return wit_types.Ok[uploads.Receipt, uploads.Failure](uploads.Receipt{
		Summary: fmt.Sprintf("%s: %s; from %s to %s with %s; %s; %s",
			album, strings.Join(read, ", "), upload.Sender, strings.Join(upload.Recipients, " "),
			upload.Camera.SomeOr("some camera"), upload.Subject, before),
		Links: links,
	})
}

func album() *string {
	var given struct{ ALBUM *string }
	if err := json.Unmarshal([]byte(settings.Json()), &given); err != nil {
		panic(err)
	}
	return given.ALBUM
}

func retry(after wit_types.Option[uint32]) delivered {
	return wit_types.Err[uploads.Receipt](uploads.MakeFailureRetry(uploads.RetryAdvice{
		AfterSeconds: after,
		Reason:       "the album is busy",
	}))
}
