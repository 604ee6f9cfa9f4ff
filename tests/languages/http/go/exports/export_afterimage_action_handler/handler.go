// Package export_afterimage_action_handler puts every file of an upload to
// http://SERVER/<name>: wasi:http in Go.
package export_afterimage_action_handler

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"go.bytecodealliance.org/pkg/wit/types"

	settings "action/imports/afterimage_action_settings"
	uploads "action/imports/afterimage_action_uploads"
	outgoing "action/imports/wasi_http_outgoing_handler"
	http "action/imports/wasi_http_types"
)

// wasi:io takes this many bytes in one blocking write.
const block = 4096

func Check(uploads.Upload) wit_types.Result[uint32, uploads.Rejection] {
	return wit_types.Ok[uint32, uploads.Rejection](1)
}

func Deliver(upload uploads.Upload) wit_types.Result[uploads.Receipt, uploads.Failure] {
	var given struct{ SERVER string }
	err := json.Unmarshal([]byte(settings.Json()), &given)
	for _, file := range upload.Files {
		if err == nil {
			err = put(given.SERVER, file)
		}
	}
	if err != nil {
		return wit_types.Err[uploads.Receipt](uploads.MakeFailureRetry(uploads.RetryAdvice{
			AfterSeconds: wit_types.None[uint32](),
			Reason:       err.Error(),
		}))
	}
	return wit_types.Ok[uploads.Receipt, uploads.Failure](uploads.Receipt{
		Summary: fmt.Sprintf("put %d files", len(upload.Files)),
	})
}

func put(server string, file uploads.File) error {
	headers := http.MakeFields()
	headers.Append("content-length", fmt.Append(nil, file.Size))
	request := http.MakeOutgoingRequest(headers)
	request.SetMethod(http.MakeMethodPut())
	request.SetScheme(wit_types.Some(http.MakeSchemeHttp()))
	request.SetAuthority(wit_types.Some(server))
	request.SetPathWithQuery(wit_types.Some("/" + file.Name))
	body := request.Body().Ok()
	// From here on the request is the host's.
	future := outgoing.Handle(request, wit_types.None[*http.RequestOptions]())
	if future.IsErr() {
		return errors.New("no connection")
	}
	if err := write(body, file.Path); err != nil {
		return err
	}
	if http.OutgoingBodyFinish(body, wit_types.None[*http.Fields]()).IsErr() {
		return errors.New("the body was cut")
	}
	future.Ok().Subscribe().Block()
	answer := future.Ok().Get().Some().Ok()
	if answer.IsErr() {
		return errors.New("no answer")
	}
	if status := answer.Ok().Status(); status/100 != 2 {
		return fmt.Errorf("the server answers %d", status)
	}
	return nil
}

func write(body *http.OutgoingBody, path string) error {
	photo, err := os.Open(path)
	if err != nil {
		return err
	}
	defer photo.Close()
	stream := body.Write().Ok()
	// The body can be finished only when its stream is gone.
	defer stream.Drop()
	buffer := make([]byte, block)
	for {
		length, err := photo.Read(buffer)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if stream.BlockingWriteAndFlush(buffer[:length]).IsErr() {
			return errors.New("the connection broke")
		}
	}
}
